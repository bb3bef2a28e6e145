// SPDX-License-Identifier: Apache-2.0
// Whole runs in one process.
#include "trainer/loop.hpp"

#include <atomic>
#include <cmath>
#include <optional>

#include "accounting/ledger_summary.hpp"
#include "tests/support/filtered_loss.hpp"
#include "tests/trainer/tiny_run.hpp"
#include "trainer/events.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TinyRun;

namespace {

LedgerSummary summary(const RunConfig& config) {
  const std::string path = config.run.folder + "/ledger.jsonl";
  return summarise(parse_ledger(test::read_file(path), path), path);
}

}  // namespace

TEST_CASE("a run trains, evaluates, saves, books and ends with 0") {
  const TinyRun tiny;
  const RunConfig config = tiny.config({"train.steps=20"});
  const RunResult result = tiny.run(config);
  CHECK(result.code == ExitCode::ok);
  CHECK(result.step == 20);
  const auto curve = tiny.losses(config);
  REQUIRE(curve.size() == 20);
  CHECK(std::abs(curve.at(1) - std::log(257.0)) < 0.2);
  CHECK(curve.at(20) < curve.at(1) - 0.5);
  CHECK(*result.validation_loss < curve.at(1) - 0.5);
  const LedgerSummary ledger = summary(config);
  CHECK(ledger.spent.steps == 20);
  CHECK(ledger.spent.tokens.value == 20 * 8 * 16);
  CHECK(ledger.lost.steps == 0);
  CHECK(ledger.spent.training.hardware().value > ledger.spent.training.model.at("exact").value);
}

TEST_CASE("interrupted and resumed equals uninterrupted, bit for bit, and the ledger adds up") {
  const TinyRun tiny;
  const RunConfig whole = tiny.config({"train.steps=12", "train.dtype=float32", "mesh.dp=2"});
  tiny.run(whole);
  const RunConfig cut = tiny.config({"train.steps=12", "train.dtype=float32", "mesh.dp=2", "run.folder=\"" + tiny.folder / "cut" + "\""});
  for (int attempt = 1; attempt <= 2; ++attempt) {
    std::atomic<int> asked = 0;
    const RunResult result = tiny.run(
        cut, [&](LoopOptions& options) { options.pending_stop = [&] { return ++asked > 8 ? StopRequest::requeue : StopRequest::none; }; });
    CHECK(result.code == ExitCode::saved);
    CHECK(result.step < 12);
  }
  CHECK(tiny.run(cut).code == ExitCode::ok);
  CHECK(tiny.losses(cut) == tiny.losses(whole));
  const LedgerSummary ledger = summary(cut);
  CHECK(ledger.attempts.size() == 3);
  CHECK(ledger.kept.training.model == summary(whole).kept.training.model);
  CHECK(ledger.kept.training.gemm == summary(whole).kept.training.gemm);
  CHECK(ledger.lost.steps == 0);
}

TEST_CASE("a finished run has nothing left to do") {
  const TinyRun tiny;
  const RunConfig config = tiny.config();
  tiny.run(config);
  const std::string before = tiny.events(config);
  CHECK(tiny.run(config).code == ExitCode::ok);
  CHECK(tiny.events(config) == before);
}

TEST_CASE("a loss that is not finite is skipped on all ranks, and ends the run when it stays") {
  const TinyRun tiny;
  const RunConfig config = tiny.config(
      {"train.steps=40", "optimizer.lr=1e300", "optimizer.minimum_lr=0", "optimizer.clip=0", "optimizer.warmup=0", "mesh.dp=2"});
  const RunResult result = tiny.run(config);
  CHECK(result.code == ExitCode::stopped);
  CHECK_THAT(result.reason, Catch::Contains("not finite"));
  CHECK_THAT(tiny.events(config), Catch::Contains("\"cause\":\"loss\""));
  int skipped = 0;
  for (const auto& [step, event] : loss_curve(tiny.events(config), "events")) skipped += event.skipped;
  CHECK(skipped >= 10);
}

TEST_CASE("the loss of one rank that is not finite skips the step on all ranks, and changes nothing else") {
  const TinyRun tiny;
  for (int spoiled = 0; spoiled < 4; ++spoiled) {
    const RunConfig config =
        tiny.config({"mesh.dp=2", "mesh.tp=2", "train.evaluate_every=0", "run.folder=\"" + tiny.folder / std::to_string(spoiled) + "\""});
    thread_local std::int64_t done;  // steps
    const test::FilteredLoss filter([&](double loss) { return test::this_rank == spoiled && done == 2 ? NAN : loss; });
    const RunResult result = tiny.run(config, [&](LoopOptions& options) {
      done = 0;
      options.pending_stop = [] { return ++done, StopRequest::none; };
    });
    CHECK(result.code == ExitCode::ok);
    const auto curve = loss_curve(tiny.events(config), "events");
    REQUIRE(curve.size() == 6);
    for (const auto& [step, event] : curve) CHECK(event.skipped == (step == 3));
    CHECK(std::isfinite(curve.at(6).loss));
  }
}

TEST_CASE("a budget in exact FLOPs ends the run with 87") {
  const TinyRun tiny;
  const RunConfig probe = tiny.config({"train.evaluate_every=0"});
  tiny.run(probe);
  const Flops per_step{summary(probe).spent.training.model.at("exact").value / 6};
  const RunConfig config = tiny.config({"train.evaluate_every=0", "accounting.budget=" + to_decimal(Flops{per_step.value * 5 / 2}),
                                        "run.folder=\"" + tiny.folder / "budget" + "\""});
  const RunResult result = tiny.run(config);
  CHECK(result.code == ExitCode::budget);
  CHECK(result.step == 3);
}
