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

std::map<std::int64_t, double> losses(const TinyRun& tiny, const RunConfig& config) {
  std::map<std::int64_t, double> curve;
  for (const auto& [step, event] : loss_curve(tiny.events(config), "events")) curve[step] = event.loss;
  return curve;
}

LedgerSummary summary(const RunConfig& config) {
  const std::string path = config.run.folder + "/ledger.jsonl";
  return summarise(parse_ledger(test::read_file(path), path), path);
}

double worst_difference(const std::map<std::int64_t, double>& a, const std::map<std::int64_t, double>& b) {
  double worst = a.size() == b.size() ? 0 : INFINITY;
  for (const auto& [step, loss] : a) worst = std::max(worst, b.count(step) ? std::abs(loss - b.at(step)) : INFINITY);
  return worst;
}

// Labels that count differ between every part of a step: whole samples are ignored, so some microbatches have none.
void uneven_labels(std::int64_t sample, std::span<std::uint8_t> counts) {
  for (std::size_t t = 0; t < counts.size(); ++t) counts[t] = sample % 3 != 0 && (t * 7 + static_cast<std::size_t>(sample)) % 5 < 3;
}

}  // namespace

TEST_CASE("a run trains, evaluates, saves, books and ends with 0") {
  const TinyRun tiny;
  const RunConfig config = tiny.config({"train.steps=20"});
  const RunResult result = tiny.run(config);
  CHECK(result.code == ExitCode::ok);
  CHECK(result.step == 20);
  const auto curve = losses(tiny, config);
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

TEST_CASE("every mesh gives the same 20 losses in fp64, with valid labels that differ between all parts of a step") {
  const TinyRun tiny;
  const auto uneven = [](LoopOptions& options) { options.label_mask = uneven_labels; };
  const RunConfig one = tiny.config({"train.steps=20"});
  tiny.run(one, uneven);
  const auto reference = losses(tiny, one);
  REQUIRE(reference.size() == 20);
  for (const int dp : {1, 2, 4})
    for (const int tp : {1, 2, 4}) {
      const std::string name = "dp" + std::to_string(dp) + "tp" + std::to_string(tp);
      const RunConfig config = tiny.config({"train.steps=20", "mesh.dp=" + std::to_string(dp), "mesh.tp=" + std::to_string(tp),
                                            "run.folder=\"" + tiny.folder / name + "\""});
      tiny.run(config, uneven);
      INFO(name);
      CHECK(worst_difference(losses(tiny, config), reference) <= 1e-10);
    }
}

namespace {

// 20 steps on a mesh, of sequences that 2, 3 and 4 context ranks can cut, compared with one rank.
void check_context(const TinyRun& tiny, const std::vector<std::string>& model, const std::vector<std::vector<std::string>>& meshes) {
  const auto uneven = [](LoopOptions& options) { options.label_mask = uneven_labels; };
  const auto config_of = [&](const std::string& folder, const std::vector<std::string>& mesh) {
    std::vector<std::string> keys = {"train.steps=20", "train.evaluate_every=10", "checkpoint.every=1000", "model.sequence=24",
                                     "run.folder=\"" + tiny.folder / folder + "\""};
    keys.insert(keys.end(), model.begin(), model.end());
    keys.insert(keys.end(), mesh.begin(), mesh.end());
    return tiny.config(keys);
  };
  const RunConfig one = config_of("one", {});
  const std::optional<double> validation = tiny.run(one, uneven).validation_loss;
  const auto reference = losses(tiny, one);
  REQUIRE(reference.size() == 20);
  for (const std::vector<std::string>& mesh : meshes) {
    std::string name;
    for (const std::string& key : mesh) name += key.substr(key.find('.') + 1) + " ";
    const RunConfig config = config_of(name, mesh);
    const RunResult result = tiny.run(config, uneven);
    INFO(name);
    CHECK(worst_difference(losses(tiny, config), reference) <= 1e-10);
    CHECK(std::abs(*result.validation_loss - *validation) <= 1e-10);
  }
}

std::string attention(const char* name) { return std::string("mesh.attention=") + name; }
std::string layout(const char* name) { return std::string("mesh.layout=") + name; }

}  // namespace

TEST_CASE("context parallelism gives the same 20 losses in fp64: a ring in every layout, alone and with data and tensor ranks") {
  const TinyRun tiny;
  check_context(tiny, {},
                {{"mesh.cp=2", layout("zigzag")},
                 {"mesh.cp=2", layout("striped")},
                 {"mesh.cp=3", layout("contiguous")},
                 {"mesh.cp=4", layout("zigzag")},
                 {"mesh.dp=2", "mesh.cp=2", layout("zigzag")},
                 {"mesh.cp=2", "mesh.tp=2", layout("striped")},
                 {"mesh.dp=2", "mesh.cp=2", "mesh.tp=2", layout("zigzag"), "mesh.order=\"dp-cp-tp-pp\""}});
}

TEST_CASE("context parallelism gives the same 20 losses in fp64: head exchange, gathered keys, hybrid") {
  const TinyRun tiny;
  check_context(tiny, {},
                {{"mesh.cp=2", attention("ulysses"), layout("contiguous")},
                 {"mesh.cp=3", attention("ulysses"), layout("zigzag")},
                 {"mesh.cp=2", "mesh.tp=2", attention("ulysses"), layout("striped")},
                 {"mesh.cp=2", attention("gather_kv"), layout("zigzag")},
                 {"mesh.cp=4", attention("gather_kv"), layout("striped"), "mesh.gather_heads=2"},
                 {"mesh.dp=2", "mesh.cp=2", attention("gather_kv"), layout("contiguous")},
                 {"mesh.cp=4", attention("hybrid"), "mesh.ulysses=2", layout("zigzag")},
                 {"mesh.cp=4", attention("hybrid"), "mesh.ulysses=2", layout("striped")}});
}

TEST_CASE("context parallelism gives the same 20 losses in fp64 with a window and learned positions") {
  const TinyRun tiny;
  check_context(tiny, {"model.window=7", "model.positions=learned", "model.norm=layernorm", "model.mlp=gelu"},
                {{"mesh.cp=2", layout("zigzag")},
                 {"mesh.cp=4", layout("striped")},
                 {"mesh.cp=2", attention("ulysses")},
                 {"mesh.cp=2", attention("gather_kv")},
                 {"mesh.cp=4", attention("hybrid"), "mesh.ulysses=2"}});
}

TEST_CASE("a run goes on with another number of context ranks and another way of sharding attention") {
  const TinyRun tiny;
  const RunConfig whole = tiny.config({"train.steps=12"});
  tiny.run(whole);
  const auto cut = [&](const std::vector<std::string>& mesh) {
    std::vector<std::string> keys = {"train.steps=12", "run.folder=\"" + tiny.folder / "cut" + "\""};
    keys.insert(keys.end(), mesh.begin(), mesh.end());
    return tiny.config(keys);
  };
  std::atomic<int> asked = 0;
  const auto stop = [&](LoopOptions& options) {
    options.pending_stop = [&] { return ++asked > 8 ? StopRequest::requeue : StopRequest::none; };
  };
  CHECK(tiny.run(cut({"mesh.cp=2"}), stop).code == ExitCode::saved);
  CHECK(tiny.run(cut({"mesh.cp=4", "mesh.attention=gather_kv", "mesh.layout=striped"})).code == ExitCode::ok);
  CHECK(worst_difference(losses(tiny, cut({})), losses(tiny, whole)) <= 1e-10);
}

TEST_CASE("the gradient norm is the same on every mesh") {
  const TinyRun tiny;
  std::map<std::string, std::vector<double>> norms;
  for (const auto& [dp, tp] : {std::pair("1", "1"), std::pair("2", "2"), std::pair("1", "4")}) {
    const std::string name = std::string("dp") + dp + "tp" + tp;
    const RunConfig config = tiny.config({"train.steps=3", "train.evaluate_every=0", std::string("mesh.dp=") + dp,
                                          std::string("mesh.tp=") + tp, "run.folder=\"" + tiny.folder / name + "\""});
    tiny.run(config);
    for (const auto& [step, event] : loss_curve(tiny.events(config), "events")) norms[name].push_back(event.grad_norm);
  }
  REQUIRE(norms["dp1tp1"].size() == 3);
  for (const char* name : {"dp2tp2", "dp1tp4"}) {
    INFO(name);
    REQUIRE(norms[name].size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(norms[name][i] == Approx(norms["dp1tp1"][i]).epsilon(1e-10));
  }
}

TEST_CASE("microbatches and buckets change nothing in the mathematics") {
  const TinyRun tiny;
  const auto uneven = [](LoopOptions& options) { options.label_mask = uneven_labels; };
  const RunConfig one = tiny.config();
  tiny.run(one, uneven);
  const std::vector<std::vector<std::string>> variants = {
      {"train.microbatch=4"}, {"train.microbatch=8"}, {"mesh.dp=2", "mesh.bucket=\"4 KiB\""}};
  for (std::size_t i = 0; i < variants.size(); ++i) {
    std::vector<std::string> keys = variants[i];
    keys.push_back("run.folder=\"" + tiny.folder / std::to_string(i) + "\"");
    const RunConfig config = tiny.config(keys);
    tiny.run(config, uneven);
    CHECK(worst_difference(losses(tiny, config), losses(tiny, one)) <= 1e-10);
  }
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
  CHECK(losses(tiny, cut) == losses(tiny, whole));
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
