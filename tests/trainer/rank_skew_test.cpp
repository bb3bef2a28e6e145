// SPDX-License-Identifier: Apache-2.0
#include "trainer/rank_skew.hpp"

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/trainer/tiny_run.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TinyRun;

namespace {

// One that is busy for these seconds a step in each of its blocks.
BusyRank rank(std::vector<double> blocks, const std::string& host = "h", int work = 0) {
  double sum = 0;
  for (const double block : blocks) sum += block;
  const Seconds mean{sum / static_cast<double>(blocks.size())};
  return {std::move(blocks), mean, host, work};
}

// One of a stage of its own, whose best interval had this mean.
BusyRank stage(std::vector<double> blocks, int work, double best) {
  BusyRank of = rank(std::move(blocks), "h", work);
  of.best_mean = {best};
  return of;
}

std::vector<std::int64_t> named(const std::string& events) {
  std::vector<std::int64_t> ranks;
  std::istringstream lines(events);
  for (std::string line; std::getline(lines, line);)
    if (const auto event = nlohmann::json::parse(line); event.at("event") == "straggler") ranks.push_back(event.at("rank"));
  return ranks;
}

// A run in which some ranks take longer over each step but the first ones, as nobody waits for them there; by rank, in ms. What it says,
// and its folder.
struct Slowed {
  Slowed(const std::string& mesh, const std::map<int, int>& slow, int quick_steps = 0, const std::string& layers = "model.layers=1") {
    struct Recorder : RunMonitor {
      void message(const std::string& line) override { said += line + "\n"; }
      void step(const StepProgress&) override {}
      std::string said;
    } recorder;
    config = tiny.config({mesh, "train.steps=32", "checkpoint.every=16", "train.evaluate_every=0", layers});
    tiny.run(config, [&](LoopOptions& options) {
      if (test::this_rank == 0) options.monitor = &recorder;
      const auto found = slow.find(test::this_rank);
      if (found == slow.end()) return;
      options.pending_stop = [wait = std::chrono::milliseconds(found->second), quick = quick_steps]() mutable {
        if (quick-- <= 0) std::this_thread::sleep_for(wait);
        return StopRequest::none;
      };
    });
    said = recorder.said;
  }
  std::vector<std::optional<RankSkew>> skews() const {
    std::vector<std::optional<RankSkew>> skews;
    for (const LedgerLine& line : parse_ledger(test::read_file(config.run.folder + "/ledger.jsonl"), "ledger").lines)
      if (const auto* interval = std::get_if<Interval>(&line)) skews.push_back(interval->skew);
    return skews;
  }
  TinyRun tiny;
  RunConfig config;
  std::string said;
};

}  // namespace

TEST_CASE("rank skew: blocks of five steps, twice as long when there are sixteen") {
  BusyBlocks busy;
  CHECK(busy.mean().value == 0);
  for (int step = 0; step < 14; ++step) busy.add({1.0 + step / 5});
  CHECK((busy.count() == 2 && busy.block(0) == 1 && busy.block(1) == 2 && busy.steps() == 14));
  for (int step = 14; step < 80; ++step) busy.add({1.0 + step / 5});
  CHECK((busy.count() == 8 && busy.block(0) == 1.5 && busy.block(7) == 15.5));
  for (int step = 80; step < 89; ++step) busy.add({17.0});
  CHECK(busy.count() == 8);
  busy.add({17.0});
  CHECK((busy.count() == 9 && busy.block(8) == 17 && busy.steps() == 90));
  CHECK(busy.mean().value == Approx((5 * 136 + 170) / 90.0));
  busy.clear();
  CHECK((busy.count() == 0 && busy.steps() == 0));
  busy.add({-1});  // a clock that a device's and the host's readings were mixed from
  CHECK(busy.mean().value == 0);
}

TEST_CASE("rank skew: the one that is furthest behind its peers for three quarters of the time") {
  const RankSkew skew = skew_of({rank({1, 1, 1, 1}), rank({1, 1, 1, 1}), rank({3, 2, 2.5, 2}, "slow"), rank({1, 9, 1, 1})}, 20);
  CHECK((skew.slowest == 2 && skew.host == "slow" && skew.ratio == 2 && skew.steps == 20 && skew.is_straggler()));
  CHECK((skew.least.value == 1 && skew.median.value == (1 + 2.375) / 2 && skew.most.value == 3));
}

TEST_CASE("rank skew: a hiccup is no straggler, nor is a machine on which all are slow at once") {
  CHECK_FALSE(skew_of({rank({1, 1, 1, 9}), rank({1, 1, 1, 1})}, 20).is_straggler());
  CHECK_FALSE(skew_of({rank({1, 1, 9, 9}), rank({1, 1, 1, 1}), rank({1, 1, 1, 1})}, 20).is_straggler());
  CHECK_FALSE(skew_of({rank({1, 9, 9, 1}), rank({1.1, 9.9, 9.9, 1.1})}, 20).is_straggler());
  CHECK(skew_of({rank({1, 9, 9, 1}), rank({1.3, 11.7, 11.7, 1.3})}, 20).ratio == Approx(1.3));
}

TEST_CASE("rank skew: ranks are compared with those that do the same work") {
  const RankSkew stages = skew_of({rank({1, 1, 1}, "a", 0), rank({3, 3, 3}, "b", 1), rank({1.5, 1.5, 1.5}, "c", 0)}, 15);
  CHECK((stages.slowest == 2 && stages.ratio == 1.5));
  CHECK(skew_of({rank({0, 0, 0}), rank({0, 0, 0})}, 15).ratio == 0);
}

TEST_CASE("rank skew: where no two do the same work, each is measured by its own best") {
  const auto skew = [](const BusyRank& first, const BusyRank& second) { return skew_of({first, second}, 15); };
  const RankSkew even = skew(stage({1, 1, 1}, 0, 1), stage({3, 3, 3}, 1, 3));
  CHECK((even.ratio == 1 && !even.is_straggler()));
  const RankSkew slower = skew(stage({2, 2, 2}, 0, 1), stage({3, 3, 3}, 1, 3));
  CHECK((slower.slowest == 0 && slower.ratio == 2));
  CHECK(skew(stage({2, 2, 2}, 0, 1), stage({6, 6, 6}, 1, 3)).ratio == 1);  // all at once: longer steps, or a busy machine
  const RankSkew unknown = skew(stage({0, 0, 0}, 0, 0), stage({3, 3, 3}, 1, 0));
  CHECK((unknown.ratio == 0 && unknown.slowest == 1));
}

TEST_CASE("rank skew: the best mean is of this interval or of one before") {
  BusyBlocks busy;
  CHECK(busy.best_mean().value == 0);
  busy.clear();
  CHECK(busy.best_mean().value == 0);
  busy.add({3});
  CHECK(busy.best_mean().value == 3);
  busy.clear();
  CHECK((busy.best_mean().value == 3 && busy.mean().value == 0));
  busy.add({2});
  CHECK(busy.best_mean().value == 2);
  busy.add({8});
  CHECK((busy.mean().value == 5 && busy.best_mean().value == 3));
  busy.clear();
  busy.clear();
  CHECK(busy.best_mean().value == 3);
}

TEST_CASE("rank skew: stages, contiguous parts and uneven heads are other work") {
  const auto works = [](std::vector<std::string> keys, std::vector<std::string> mesh) {
    keys.insert(keys.end(), mesh.begin(), mesh.end());
    const TinyRun tiny;
    const RunConfig config = tiny.config(keys);
    const Mesh of = mesh_of(config.mesh);
    std::vector<int> all;
    for (int rank = 0; rank < of.size(); ++rank) all.push_back(work_of(config, of, rank));
    return all;
  };
  CHECK(works({}, {"mesh.dp=2", "mesh.pp=2"}) == std::vector{0, 0, 1, 1});
  CHECK(works({}, {"mesh.dp=2", "mesh.tp=2"}) == std::vector{0, 0, 0, 0});
  CHECK(works({}, {"mesh.cp=2", "mesh.layout=zigzag"}) == std::vector{0, 0});
  CHECK(works({}, {"mesh.cp=2", "mesh.layout=contiguous"}) == std::vector{0, 1});
  CHECK(works({"model.heads=3", "model.width=24", "model.kv_heads=3"}, {"mesh.tp=2", "mesh.dp=2"}) == std::vector{0, 1, 0, 1});
}

TEST_CASE("rank skew: a slowed rank of a run is named once, with its machine, and stands in every interval") {
  const Slowed run("mesh.dp=4", {{2, 40}});
  CHECK(named(run.tiny.events(run.config)) == std::vector<std::int64_t>{2});
  const RankSkew skew = run.skews().at(0).value();
  CHECK((skew.slowest == 2 && skew.is_straggler()));
  CHECK(skew.most.value >= 0.04);
  CHECK(skew.steps == 15);
  CHECK(run.skews().at(1).value().steps == 16);
  const std::string who = "step 16: rank 2 on " + skew.host + " keeps the others waiting";
  CHECK_THAT(run.said, Catch::Contains(who) && !Catch::Contains("step 32: rank 2"));
}

TEST_CASE("rank skew: a stage that becomes slow is named, though no other does its work") {
  const Slowed run("mesh.pp=2", {{0, 40}}, 16, "model.layers=2");
  CHECK(run.skews().at(0).value().ratio > 0);
  CHECK_FALSE(run.skews().at(0).value().is_straggler());
  const RankSkew skew = run.skews().at(1).value();
  CHECK((skew.slowest == 0 && skew.is_straggler()));
  CHECK(named(run.tiny.events(run.config)) == std::vector<std::int64_t>{0});
  CHECK_THAT(run.said, Catch::Contains("step 32: rank 0 on " + skew.host + " keeps the others waiting: busy "));
}

TEST_CASE("rank skew: equal ranks name none, and one rank is compared with nobody") {
  const Slowed equal("mesh.dp=2", {{0, 80}, {1, 80}});  // so long that what else the machine does is small beside it
  CHECK(named(equal.tiny.events(equal.config)).empty());
  CHECK(equal.skews().at(0).value().ratio > 0);
  const Slowed alone("mesh.dp=1", {{0, 1}});
  for (const auto& skew : alone.skews()) CHECK_FALSE(skew.has_value());
}
