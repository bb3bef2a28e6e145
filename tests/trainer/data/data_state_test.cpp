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
  state.step = 9;
  state.mixed = true;
  state.sources = {{"u1", {2, 3}, 10, 80, 12, -1}, {"u2", {1, 3}, 20, 160, 25, 1}};
  state.skip_ranges = {{5, 9}, {100, 101}};
  state.packing_hash = "packing";
  state.fingerprint = "print";

  CHECK(data_state_from_json(to_json(state), "here") == state);
}

TEST_CASE("text that is no data state is refused") {
  const auto problem = [](const std::string& text) { return problem_of([&] { data_state_from_json(text, "state.json"); }); };
  const std::string good = to_json(DataState{});

  CHECK(contains(problem("{"), "state.json: not a data state"));
  CHECK(contains(problem("{\"version\":3}"), "data state of version 3, this Ergon knows versions 1 to 2"));
  CHECK(contains(problem("{\"version\":1}"), "not a data state"));
  const auto edited = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return problem(text);
  };
  const std::string source = R"("sources":[{"uuid":"u","weight":[1,1],"consumed":0,"tokens":0,"place":PLACE,"credit":CREDIT}])";
  const auto with_source = [&](const std::string& place, const std::string& credit, const std::string& order) {
    std::string text = good, of = source;
    of.replace(of.find("PLACE"), 5, place);
    of.replace(of.find("CREDIT"), 6, credit);
    text.replace(text.find("\"sources\":[]"), 12, of);
    text.replace(text.find("whole"), 5, order);
    return problem(text);
  };
  CHECK(contains(edited("\"index\":0", "\"index\":-1"), "negative place"));
  CHECK(contains(edited("\"step\":0", "\"step\":-1"), "negative step"));
  CHECK(contains(edited("whole", "other"), "unknown order"));
  CHECK(contains(edited("\"skip_ranges\":[]", "\"skip_ranges\":[[4,4]]"), "empty skip range"));
  CHECK(contains(with_source("-1", "0", "whole"), "negative place"));
  CHECK(contains(with_source("0", "1", "mixed"), "weights and credits that do not go together"));
}

TEST_CASE("a record of version 1 is read") {
  DataState state =
      data_state_from_json(read_file(std::string(std::getenv("ERGON_SOURCE")) + "/tests/golden/data_state_v1.json"), "golden");

  CHECK(state.seed == 7);
  CHECK(state.epoch == 2);
  CHECK(state.index == 311);
  CHECK(state.sources == std::vector<DataState::Source>{{"00000000-0000-8000-8000-000000000001", {1, 1}, 640}});
  CHECK(state.skip_ranges == std::vector<DataState::Skip>{{64, 128}});
  CHECK(state.packing_hash == "packing");
  CHECK(state.fingerprint == "print");
  CHECK_FALSE(state.mixed);

  TemporaryFolder folder;
  ergon::test::InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(10), storage);
  complete(state, TokenSource({folder / "a.h5"}, Split::train, 4, storage), 80);
  CHECK(state.version == 2);
  CHECK(state.step == 80);
  CHECK(state.sources[0].tokens == 640 * 4);
  const DataState as_it_is = state;
  complete(state, TokenSource({folder / "a.h5"}, Split::train, 4, storage), 81);
  CHECK(state == as_it_is);
}

TEST_CASE("skipped ranges that meet become one") {
  DataState state;
  using Skips = std::vector<DataState::Skip>;

  add_skip(state, {50, 60});
  add_skip(state, {5, 9});
  add_skip(state, {6, 8});
  CHECK(state.skip_ranges == Skips{{5, 9}, {50, 60}});
  add_skip(state, {9, 12});
  add_skip(state, {40, 55});
  CHECK(state.skip_ranges == Skips{{5, 12}, {40, 60}});
  state.epoch = 20;
  state.index = 3;
  CHECK(ordinal_of(state, 7) == 143);
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
  CHECK(contains(problem_of([&] { check_data_state(state, a, 7, true); }), "started without weights of its sources, now it has some"));
  CHECK(contains(problem_of([&] { check_data_state(initial_data_state(a, 7, true), a, 7); }),
                 "started with weights of its sources, now it has none"));
  state.sources.push_back({});
  CHECK(contains(problem_of([&] { check_data_state(state, a, 7); }), "counts 2 sources, data.train names 1"));
  state.sources.pop_back();
  state.index = a.samples();
  CHECK(contains(problem_of([&] { check_data_state(state, a, 7); }), "stands at sample"));
}
