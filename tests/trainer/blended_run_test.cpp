// SPDX-License-Identifier: Apache-2.0
// Whole runs over several stores with weights: cut and resumed they are the run that was not cut, bit for bit.
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/trainer/tiny_run.hpp"
#include "trainer/data/packing_table.hpp"
#include "trainer/data/token_source.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TinyRun;

namespace {

std::vector<std::string> blend(const TinyRun& tiny, const std::string& folder, const std::vector<std::string>& more = {}) {
  std::vector<std::string> keys = {"data.train=[{path = \"" + tiny.folder / "tokens.h5" + "\", weight = 0.7}, {path = \"" +
                                       tiny.folder / "more.h5" + "\", weight = 0.3}]",
                                   "data.curriculum=[{from_step = 4, weights = [1, 3]}]",
                                   "data.skip=[[20, 25]]",
                                   "train.steps=9",
                                   "train.evaluate_every=0",
                                   "optimizer.schedule=constant",
                                   "run.folder=\"" + tiny.folder / folder + "\""};
  keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

std::vector<nlohmann::json> data_events(const std::string& text) {
  std::vector<nlohmann::json> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (nlohmann::json event = nlohmann::json::parse(line); event["event"] == "data") found.push_back(std::move(event));
  return found;
}

auto stop_at(int steps) {
  return [steps, asked = 0](LoopOptions& options) mutable {
    options.pending_stop = [steps, asked]() mutable { return ++asked == steps ? StopRequest::requeue : StopRequest::none; };
  };
}

}  // namespace

TEST_CASE("a blend of two stores with a curriculum and a skipped range resumes bit for bit, from every step") {
  const TinyRun tiny;
  test::write_tiny_store(tiny.folder / "more.h5", 23);
  const RunConfig whole = tiny.config(blend(tiny, "whole"));
  CHECK(tiny.run(whole).step == 9);
  const auto losses = tiny.losses(whole);

  for (int cut = 1; cut < 9; cut += 2) {
    const RunConfig config = tiny.config(blend(tiny, "cut" + std::to_string(cut)));
    CHECK(tiny.run(config, stop_at(cut)).step == cut);
    CHECK(tiny.run(config).step == 9);
    CHECK(tiny.losses(config) == losses);
  }
}

TEST_CASE("two data ranks train the same blend") {
  const TinyRun tiny;
  test::write_tiny_store(tiny.folder / "more.h5", 23);
  const RunConfig one = tiny.config(blend(tiny, "one")), two = tiny.config(blend(tiny, "two", {"mesh.dp=2"}));
  tiny.run(one);
  tiny.run(two);
  CHECK(test::worst_difference(tiny.losses(one), tiny.losses(two)) < 1e-10);
}

TEST_CASE("weights may change on resume when that is said, and may not come or go") {
  const TinyRun tiny;
  test::write_tiny_store(tiny.folder / "more.h5", 23);
  tiny.run(tiny.config(blend(tiny, "run")), stop_at(5));
  const RunConfig other = tiny.config(blend(tiny, "run", {"data.curriculum=[]", "data.weights=[1, 1]"}));
  CHECK_THROWS_WITH(tiny.run(other), Catch::Contains("--allow-change data.weights"));
  const auto allowed = [](LoopOptions& options) { options.resume.allow_change = {"data.weights", "data.curriculum"}; };
  CHECK(tiny.run(other, allowed).step == 9);

  tiny.run(tiny.config(blend(tiny, "second")), stop_at(5));
  CHECK_THROWS_WITH(tiny.run(tiny.config(blend(tiny, "second", {"data.curriculum=[]", "data.weights=[]"})), allowed),
                    Catch::Contains("the run was started with weights of its sources, now it has none"));
}

TEST_CASE("packed samples train and resume bit for bit on one and two data ranks, and the report's counters leave padding out") {
  const TinyRun tiny;
  test::InspectingStorage storage;
  {
    const TokenSource source({tiny.folder / "tokens.h5"}, Split::train, 64, storage);
    write_packing_table(tiny.folder / "packing.h5", make_packing_table(source.stores(), Split::train, 64), storage, Existing::refuse);
  }
  const auto keys = [&](const std::string& folder, const std::string& more = "data.prefetch=3") {
    return std::vector<std::string>{"model.sequence=64",
                                    "data.packing=best_fit",
                                    "data.packing_table=\"" + tiny.folder / "packing.h5" + "\"",
                                    "data.document_mask=true",
                                    "train.evaluate_every=0",
                                    "run.folder=\"" + tiny.folder / folder + "\"",
                                    more};
  };
  const RunConfig whole = tiny.config(keys("whole")), cut = tiny.config(keys("cut")), two = tiny.config(keys("two", "mesh.dp=2"));
  tiny.run(whole);
  CHECK(tiny.run(cut, stop_at(2)).step == 2);
  tiny.run(cut);
  CHECK(tiny.losses(cut) == tiny.losses(whole));
  tiny.run(two);
  CHECK(test::worst_difference(tiny.losses(two), tiny.losses(whole)) < 1e-10);

  const TokenSource packed({tiny.folder / "tokens.h5"}, Split::train, 64, storage, tiny.folder / "packing.h5");
  CHECK(packed.padding() > 0);
  const std::vector<nlohmann::json> of_whole = data_events(tiny.events(whole)), of_cut = data_events(tiny.events(cut));
  REQUIRE_FALSE(of_whole.empty());
  CHECK(of_whole.back()["sources"] == of_cut.back()["sources"]);
  CHECK(of_whole.back()["sources"][0]["samples"] == 6 * 8);
  CHECK(of_whole.back()["sources"][0]["tokens"].get<std::int64_t>() < 6 * 8 * 64);
  CHECK(of_whole.back()["sources"][0]["unique_tokens"] == packed.tokens());
  CHECK(of_whole.back()["retried_reads"] == 0);

  CHECK_THROWS_WITH(tiny.run(tiny.config(keys("other", "model.sequence=32"))),
                    Catch::Contains("packs sequences of 64, model.sequence is 32"));
}
