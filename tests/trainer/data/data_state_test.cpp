// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/data_state.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("a data state is read back from its JSON") {
  DataState state;
  state.seed = -5;
  state.epoch = 3;
  state.index = std::int64_t{1} << 60;
  state.sources = {{"u1", {2, 3}, 10}, {"u2", {1, 3}, 20}};
  state.skip_ranges = {{5, 9}, {100, 101}};
  state.packing_hash = "packing";
  state.fingerprint = "print";

  CHECK(data_state_from_json(to_json(state), "here") == state);
}

TEST_CASE("text that is no data state is refused") {
  const auto problem = [](const std::string& text) { return problem_of([&] { data_state_from_json(text, "state.json"); }); };
  const std::string good = to_json(DataState{});

  CHECK(contains(problem("{"), "state.json: not a data state"));
  CHECK(contains(problem("{\"version\":2}"), "data state of version 2, this Ergon knows version 1"));
  CHECK(contains(problem("{\"version\":1}"), "not a data state"));
  std::string negative = good, empty = good;
  negative.replace(negative.find("\"index\":0"), 9, "\"index\":-1");
  empty.replace(empty.find("\"skip_ranges\":[]"), 16, "\"skip_ranges\":[[4,4]]");
  CHECK(contains(problem(negative), "negative place"));
  CHECK(contains(problem(empty), "empty skip range"));
}

TEST_CASE("skipping jumps over ranges, also adjoining and out of order, and renumbers nothing") {
  const std::vector<DataState::Skip> skips = {{20, 30}, {10, 20}, {50, 51}};

  CHECK(skip_forward(skips, 9) == 9);
  CHECK(skip_forward(skips, 10) == 30);
  CHECK(skip_forward(skips, 29) == 30);
  CHECK(skip_forward(skips, 30) == 30);
  CHECK(skip_forward(skips, 50) == 51);
}

TEST_CASE("ranges that are skipped later join those that they meet") {
  DataState state;
  state.epoch = 2;
  state.index = 3;
  CHECK(ordinal_of(state, 100) == 203);
  using Skips = std::vector<DataState::Skip>;
  add_skip(state, {10, 20});
  add_skip(state, {30, 40});
  CHECK(state.skip_ranges == Skips{{10, 20}, {30, 40}});
  add_skip(state, {20, 25});
  CHECK(state.skip_ranges == Skips{{10, 25}, {30, 40}});
  add_skip(state, {10, 25});
  add_skip(state, {0, 5});
  CHECK(state.skip_ranges == Skips{{0, 5}, {10, 25}, {30, 40}});
  add_skip(state, {4, 35});
  CHECK(state.skip_ranges == Skips{{0, 40}});
}

TEST_CASE("a state belongs to its data, its packing and its seed") {
  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(10), storage);
  make_store(folder / "b.h5", some_documents(11), storage);
  const TokenSource a({folder / "a.h5"}, Split::train, 4, storage), b({folder / "b.h5"}, Split::train, 4, storage),
      other({folder / "a.h5"}, Split::train, 8, storage);
  DataState state = initial_data_state(a, 7);

  check_data_state(state, a, 7);
  CHECK(state.sources.at(0).uuid == a.stores()[0]->info().uuid);
  CHECK(contains(problem_of([&] { check_data_state(state, a, 8); }), "run.seed = 7, now it is 8"));
  CHECK(contains(problem_of([&] { check_data_state(state, b, 7); }), "names other tokens"));
  CHECK(contains(problem_of([&] { check_data_state(state, other, 7); }), "cut otherwise"));
  state.index = a.samples();
  CHECK(contains(problem_of([&] { check_data_state(state, a, 7); }), "stands at sample"));
}
