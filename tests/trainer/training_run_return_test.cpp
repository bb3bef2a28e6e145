// SPDX-License-Identifier: Apache-2.0
// Runs that go back to their last healthy checkpoint by themselves.
#include <atomic>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "accounting/ledger_summary.hpp"
#include "tests/support/filtered_loss.hpp"
#include "tests/trainer/tiny_run.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/training_run.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TinyRun;

namespace {

const std::vector<std::string> keys = {"train.steps=12", "checkpoint.every=3", "train.evaluate_every=0", "checkpoint.asynchronous=true",
                                       "recovery.returns=2"};

RunConfig returning(const TinyRun& tiny, const std::string& folder, std::vector<std::string> more = {}) {
  more.insert(more.begin(), keys.begin(), keys.end());
  more.push_back("run.folder=\"" + tiny.folder / folder + "\"");
  return tiny.config(more);
}

// Spoils the losses of `rank` in the steps that the run does as its n-th, ... (counted from 1, over attempts of a process).
struct Spoiled {
  Spoiled(std::set<std::int64_t> steps_, double value_, int rank_ = 0)
      : steps(std::move(steps_)),
        value(value_),
        rank(rank_),
        filter([this](double loss) { return test::this_rank == rank && steps.contains(done + 1) ? value : loss; }) {}
  void operator()(LoopOptions& options) {
    options.pending_stop = [this] {
      if (test::this_rank == rank) ++done;
      return stop_after > 0 && done >= stop_after ? StopRequest::requeue : StopRequest::none;
    };
  }
  const std::set<std::int64_t> steps;
  const double value;
  const int rank;
  std::atomic<std::int64_t> done = 0;
  std::int64_t stop_after = 0;
  test::FilteredLoss filter;
};

LedgerSummary ledger_of(const RunConfig& config) {
  const std::string path = config.run.folder + "/ledger.jsonl";
  return summarise(parse_ledger(test::read_file(path), path), path);
}

std::vector<DataState::Skip> skips(const RunConfig& config) {
  test::InspectingStorage storage;
  const Catalogue catalogue = read_catalogue(storage, config.run.folder);
  const std::string path = checkpoints_folder(config.run.folder) + "/" + catalogue.candidates().at(0)->name + "/state.json";
  return data_state_from_json(nlohmann::json::parse(test::read_file(path)).at("data").dump(), path).skip_ranges;
}

using Skips = std::vector<DataState::Skip>;

std::int64_t steps_written(const TinyRun& tiny, const RunConfig& config) {
  std::int64_t count = 0;
  const std::string text = tiny.events(config);
  for (std::size_t at = 0; (at = text.find("\"event\":\"step\"", at)) != std::string::npos; ++at) ++count;
  return count;
}

}  // namespace

TEST_CASE("after a loss that is not finite the run goes back, passes over what it read since, and books the lost steps") {
  const std::vector<std::vector<std::string>> meshes = {
      {}, {"mesh.dp=2", "mesh.zero=1"}, {"mesh.dp=2", "mesh.tp=2", "mesh.zero=3"}, {"mesh.pp=2"}, {"mesh.cp=2"}};
  for (const std::vector<std::string>& mesh : meshes) {
    const TinyRun tiny;
    const RunConfig config = returning(tiny, "run", mesh);
    const int ranks = mesh_of(config.mesh).size();
    Spoiled spoiled({8}, NAN, ranks - 1);
    const RunResult result = tiny.run(config, std::ref(spoiled));
    CHECK(result.code == ExitCode::ok);
    CHECK(result.step == 12);
    CHECK(steps_written(tiny, config) == 8 + 6);  // back from 8 to 6
    const LedgerSummary ledger = ledger_of(config);
    CHECK((ledger.spent.steps == 14 && ledger.kept.steps == 12 && ledger.lost.steps == 2));
    CHECK(ledger.lost.training.gemm.value * 6 == ledger.kept.training.gemm.value);
    CHECK((ledger.attempts.size() == 2 && ledger.attempts[0].returned));
    CHECK(skips(config) == Skips{{6 * 8, 8 * 8}});
    const auto curve = loss_curve(tiny.events(config), "events");
    REQUIRE(curve.size() == 12);
    for (const auto& [step, event] : curve) CHECK((event.attempt == (step <= 6 ? 1 : 2) && std::isfinite(event.loss)));
    CHECK_THAT(tiny.events(config), Catch::Contains("\"event\":\"return\"") && Catch::Contains("was not finite in step 8"));
  }
}

TEST_CASE("what follows a return is what a run from that checkpoint with these samples passed over does, bit for bit") {
  const TinyRun tiny;
  const RunConfig config = returning(tiny, "run", {"mesh.dp=2"}), other = returning(tiny, "other", {"mesh.dp=2"});
  Spoiled spoiled({8}, NAN);
  tiny.run(config, std::ref(spoiled));
  Spoiled again({8}, NAN);
  again.stop_after = 10;  // in the attempt after the return: resumed by another process
  CHECK(tiny.run(other, std::ref(again)).code == ExitCode::saved);
  CHECK(tiny.run(other).code == ExitCode::ok);
  CHECK(tiny.losses(config) == tiny.losses(other));
  CHECK(skips(config) == skips(other));
}

TEST_CASE("a run that dies between a return and its next save still passes over the samples, and has one return less") {
  const TinyRun tiny;
  const RunConfig config = returning(tiny, "run"), other = returning(tiny, "other");
  Spoiled spoiled({8}, NAN);
  tiny.run(config, std::ref(spoiled));
  struct Died {};
  {
    Spoiled again({8}, NAN);
    prepare_process(1);
    Communicators communicators = test::communicators_of(other, std::move(make_local_group(1).front()));
    test::InspectingStorage storage;
    LoopOptions options;
    options.pending_stop = [&]() -> StopRequest {
      if (++again.done == 10) throw Died();
      return StopRequest::none;
    };
    CHECK_THROWS_AS(run_training(other, communicators, storage, options), Died);
  }
  CHECK(tiny.run(other).code == ExitCode::ok);
  CHECK(tiny.losses(config) == tiny.losses(other));
  Spoiled third({1, 2}, NAN);
  const RunConfig longer = returning(tiny, "other", {"train.steps=14"});
  const RunResult result = tiny.run(longer, [&](LoopOptions& options) {
    options.resume.allow_change = {"train.steps"};
    third(options);
  });
  CHECK(result.code == ExitCode::stopped);
  CHECK_THAT(result.reason, Catch::EndsWith("after recovery.returns = 2 returns"));
}

TEST_CASE("a leap of the loss is a reason to go back, once the window is full") {
  const TinyRun tiny;
  const RunConfig config = returning(tiny, "run", {"recovery.spike=20", "recovery.window=4", "mesh.dp=2"});
  Spoiled spoiled({3, 8}, 1000);
  const RunResult result = tiny.run(config, std::ref(spoiled));
  CHECK(result.code == ExitCode::ok);
  const LedgerSummary ledger = ledger_of(config);
  CHECK(ledger.lost.steps == 2);  // step 3 came before the window was full
  CHECK_THAT(tiny.events(config), Catch::Contains("the loss leaped to"));
}

TEST_CASE("without returns a leap ends nothing, but no checkpoint is made of it while another step follows") {
  const TinyRun tiny;
  const RunConfig config = returning(tiny, "run", {"recovery.returns=0", "recovery.spike=20", "recovery.window=3", "checkpoint.keep=9"});
  Spoiled spoiled({6, 12}, 1000);
  const RunResult result = tiny.run(config, std::ref(spoiled));
  CHECK(result.code == ExitCode::ok);
  CHECK_THAT(result.reason, Catch::Contains("the last loss leaped"));
  test::InspectingStorage storage;
  std::map<std::int64_t, bool> saved;
  const Catalogue catalogue = read_catalogue(storage, config.run.folder);
  for (const CatalogueEntry* entry : catalogue.candidates()) saved[entry->id.step] = entry->manifest.value().health.good();
  CHECK(saved == std::map<std::int64_t, bool>{{3, true}, {7, true}, {9, true}, {12, false}});
}

TEST_CASE("returns that are used up end the run with 86, unsaved, and one before the first checkpoint goes back to the start") {
  const TinyRun tiny;
  const RunConfig config = returning(tiny, "run");
  Spoiled spoiled({2, 4, 6}, NAN);
  const RunResult result = tiny.run(config, std::ref(spoiled));
  CHECK(result.code == ExitCode::stopped);
  CHECK_THAT(result.reason, Catch::Contains("was not finite in step 2, after recovery.returns = 2 returns"));
  const LedgerSummary ledger = ledger_of(config);
  CHECK((ledger.spent.steps == 6 && ledger.kept.steps == 2 && ledger.lost.steps == 4));
  CHECK(ledger.attempts.size() == 3);
  CHECK_FALSE(std::filesystem::exists(config.run.folder + "/checkpoints/latest"));
  // A person's restart forgets them.
  const RunResult restarted = tiny.run(config, [](LoopOptions& options) { options.resume.restart = true; });
  CHECK(restarted.code == ExitCode::ok);
  CHECK(skips(config).empty());
}
