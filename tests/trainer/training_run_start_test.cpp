// SPDX-License-Identifier: Apache-2.0
// How runs begin: from nothing, from a checkpoint, from a folder whose checkpoints are gone.
#include <atomic>
#include <nlohmann/json.hpp>

#include "accounting/ledger_summary.hpp"
#include "tests/support/skip.hpp"
#include "tests/trainer/tiny_run.hpp"
#include "trainer/checkpoint/format.hpp"
#include "trainer/events.hpp"
#include "trainer/training_run.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TinyRun;

namespace {

void forget(const RunConfig& config) {
  std::filesystem::remove_all(config.run.folder + "/checkpoints");
  std::filesystem::remove(config.run.folder + "/result.json");
}

}  // namespace

TEST_CASE("a folder with a ledger and no checkpoint is refused without --restart") {
  const TinyRun tiny;
  const RunConfig config = tiny.config();
  tiny.run(config);
  forget(config);
  try {
    tiny.run(config);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    CHECK_THAT(error.hint(), Catch::Contains("--restart"));
  }
  const auto restart = [](LoopOptions& options) { options.resume.restart = true; };
  CHECK(tiny.run(config, restart).step == 6);
}

TEST_CASE("a vocabulary that the model lacks is refused with both keys") {
  const TinyRun tiny;
  CHECK_THROWS_WITH(tiny.run(tiny.config({"model.vocabulary=200"})), Catch::Contains("model.vocabulary") && Catch::Contains("data.train"));
}

TEST_CASE("a run whose dropout would draw the same numbers twice is refused, before the folder is touched") {
  const TinyRun tiny;
  CHECK_THROWS_WITH(tiny.run(tiny.config({"train.steps=4294967296"})),
                    Catch::Contains("train.steps") && Catch::Contains("dropout counter"));
  CHECK_FALSE(std::filesystem::exists(tiny.folder / "run/config.toml"));
}

TEST_CASE("a split without a whole batch is refused") {
  const TinyRun tiny;
  CHECK_THROWS_WITH(tiny.run(tiny.config({"model.sequence=4000"})), Catch::Contains("data.train"));
}

TEST_CASE("an attempt that died between two ledger lines is booked by the next") {
  const TinyRun tiny;
  const RunConfig config = tiny.config({"train.steps=9", "train.evaluate_every=0"});
  int asked = 0;
  struct Died {};
  const auto die = [&](LoopOptions& options) {
    options.pending_stop = [&]() -> StopRequest {
      if (++asked == 6) throw Died();
      return StopRequest::none;
    };
  };
  CHECK_THROWS_AS(tiny.run(config, die), Died);
  tiny.run(config);
  const std::string path = config.run.folder + "/ledger.jsonl";
  const LedgerSummary summary = summarise(parse_ledger(test::read_file(path), path), path);
  CHECK(summary.spent.steps == 11);
  CHECK(summary.lost.steps == 2);
  CHECK(summary.kept.steps == 9);
}

TEST_CASE("an evaluation behind the last ledger line is booked by the next attempt, once") {
  struct Died {};
  const auto run = [&](const TinyRun& tiny, const RunConfig& config, int die_at) {
    int asked = 0;
    const auto die = [&](LoopOptions& options) {
      options.pending_stop = [&, die_at]() -> StopRequest {
        if (++asked == die_at) throw Died();
        return StopRequest::none;
      };
    };
    if (die_at > 0) CHECK_THROWS_AS(tiny.run(config, die), Died);
    tiny.run(config);
    const std::string path = config.run.folder + "/ledger.jsonl";
    return summarise(parse_ledger(test::read_file(path), path), path);
  };
  // Evaluated at 2, 4 and 6, saved at 3 and 6. Dies in step 5: the line of step 3 is the last, the evaluation of step 4 stands behind it.
  const std::vector<std::string> keys = {"train.evaluate_every=2"};
  const TinyRun whole, cut;
  const LedgerSummary expected = run(whole, whole.config(keys), 0), got = run(cut, cut.config(keys), 5);
  const auto one = expected.spent.evaluation.gemm.value / 3;
  CHECK(one > 0);
  CHECK(got.spent.evaluation.gemm.value == 4 * one);
  CHECK(got.spent.evaluation.attention.value == expected.spent.evaluation.attention.value / 3 * 4);
  CHECK(got.spent.evaluation.model.at("exact").value == expected.spent.evaluation.model.at("exact").value / 3 * 4);
}

TEST_CASE("an attempt says which tokens its losses are of") {
  const TinyRun tiny;
  const RunConfig config = tiny.config();
  tiny.run(config);
  const std::string events = tiny.events(config);
  const nlohmann::json data = nlohmann::json::parse(events.substr(0, events.find('\n'))).at("data");
  test::InspectingStorage storage;
  const TokenSource train(config.data.train, Split::train, config.model.sequence, storage);
  const TokenSource validation(config.data.train, Split::validation, config.model.sequence, storage);
  CHECK(data.at("train") == train.fingerprint());
  CHECK(data.at("validation") == validation.fingerprint());
  CHECK(data.at("tokenizer") == train.stores().front()->info().tokenizer_sha256);
  CHECK(data.at("train_tokens") == train.samples() * config.model.sequence);
}

TEST_CASE("a resume from another working folder reads the stores that a relative name meant before") {
  const TinyRun tiny;
  const auto here = std::filesystem::current_path();
  std::filesystem::create_directory(tiny.folder / "elsewhere");
  const RunConfig config = tiny.config({"train.steps=50", "data.train=tokens.h5"});
  struct Recorder : RunMonitor {
    void message(const std::string& line) override { messages += line + "\n"; }
    void step(const StepProgress&) override {}
    std::string messages;
  } recorder;
  int asked = 0;
  const auto stop = [&](LoopOptions& options) {
    options.monitor = &recorder;
    options.pending_stop = [&] { return ++asked % 3 == 0 ? StopRequest::requeue : StopRequest::none; };
  };
  std::filesystem::current_path(tiny.folder.path());
  CHECK(tiny.run(config, stop).code == ExitCode::saved);
  CHECK_THAT(recorder.messages, !Catch::Contains("not found from this working folder"));
  std::filesystem::current_path(tiny.folder / "elsewhere");
  for (int again = 0; again < 2; ++again) CHECK(tiny.run(config, stop).code == ExitCode::saved);
  CHECK_THAT(recorder.messages, Catch::Contains("tokens.h5 is not found from this working folder; reading " + (tiny.folder / "tokens.h5")));
  // A name that leads somewhere means what it says.
  test::write_tiny_store("tokens.h5", 12);
  CHECK_THROWS_AS(tiny.run(config, stop), Error);
  std::filesystem::current_path(here);
}

TEST_CASE("a resume says of each key of the layout that changed whether the bits of the losses go on, and so they do") {
  const TinyRun tiny;
  struct Recorder : RunMonitor {
    void message(const std::string& line) override { messages += line + "\n"; }
    void step(const StepProgress&) override {}
    std::string messages;
  };
  const auto keys = [&](const std::string& name, std::vector<std::string> more) {
    more.insert(more.end(), {"train.dtype=float32", "run.folder=\"" + tiny.folder / name + "\""});
    return tiny.config(more);
  };
  // Three steps on one rank, then the rest as `then` says.
  const auto resumed = [&](const std::string& name, const std::vector<std::string>& first, const std::vector<std::string>& then) {
    std::atomic<int> asked = 0;
    tiny.run(keys(name, first),
             [&](LoopOptions& options) { options.pending_stop = [&] { return ++asked > 3 ? StopRequest::requeue : StopRequest::none; }; });
    Recorder recorder;
    tiny.run(keys(name, then), [&](LoopOptions& options) {
      if (test::this_rank == 0) options.monitor = &recorder;
    });
    return recorder.messages;
  };
  const std::string ordered = "run.deterministic=true";
  const RunConfig whole = keys("whole", {ordered});
  tiny.run(whole);
  const std::string deterministic = resumed("ordered", {ordered}, {ordered, "mesh.dp=2", "mesh.zero=3"});
  CHECK_THAT(deterministic, Catch::Contains("mesh.dp was 1, is 2: the loss continues, bit for bit, for it is deterministic\n"));
  CHECK_THAT(deterministic, Catch::Contains("mesh.zero was 0, is 3: the loss continues, bit for bit, for it is deterministic\n"));
  CHECK_THAT(deterministic, !Catch::Contains("but not bit for bit"));
  const auto expected = loss_curve(tiny.events(whole), "whole"), got = loss_curve(tiny.events(keys("ordered", {})), "ordered");
  REQUIRE(got.size() == expected.size());
  for (const auto& [step, event] : expected) CHECK(got.at(step).loss == event.loss);

  CHECK_THAT(resumed("fast", {}, {"mesh.dp=2"}), Catch::Contains("mesh.dp was 1, is 2: the loss continues, but not bit for bit\n"));
  const std::string changed = resumed("changed", {}, {ordered, "train.recompute=full", "run.gemm=mkl"});
  CHECK_THAT(changed, Catch::Contains("run.deterministic was false, is true: the loss continues, but not bit for bit\n"));
  CHECK_THAT(changed, Catch::Contains("train.recompute was \"none\", is \"full\": the loss continues, but not bit for bit\n"));
  CHECK_THAT(resumed("same", {}, {}), !Catch::Contains("bit for bit"));
}

TEST_CASE("an attempt that cannot load leaves config.toml and result.json as they were") {
  const TinyRun tiny;
  const RunConfig config = tiny.config({"train.steps=50"});
  tiny.run(config, [](LoopOptions& options) { options.pending_stop = [] { return StopRequest::requeue; }; });
  const std::string file = config.run.folder + "/config.toml", result = test::read_file(config.run.folder + "/result.json");
  std::filesystem::remove_all(config.run.folder + "/checkpoints");
  const RunConfig changed = tiny.config({"train.steps=50", "optimizer.lr=2e-2"});
  CHECK_THROWS_AS(tiny.run(changed, [](LoopOptions& options) { options.resume.allow_change = {"optimizer.lr"}; }), Error);
  CHECK(test::read_file(file) == to_toml(config));
  CHECK(test::read_file(config.run.folder + "/result.json") == result);
}

TEST_CASE("a restart abandons the old checkpoints for good, and leftovers of killed saves go") {
  const TinyRun tiny;
  const RunConfig config = tiny.config();
  const std::string checkpoints = config.run.folder + "/checkpoints", aside = tiny.folder / "aside";
  tiny.run(config);
  std::filesystem::rename(checkpoints, aside);
  std::filesystem::remove(config.run.folder + "/result.json");
  tiny.run(config, [](LoopOptions& options) {
    options.resume.restart = true;
    options.pending_stop = [] { return StopRequest::requeue; };
  });
  for (const auto& old : std::filesystem::directory_iterator(aside))
    if (old.is_directory()) std::filesystem::rename(old.path(), checkpoints + "/" + old.path().filename().string());
  std::filesystem::create_directory(checkpoints + "/step_00000002.a0001.tmp1");
  CHECK(tiny.run(config).code == ExitCode::ok);
  CHECK_THAT(test::read_file(config.run.folder + "/lineage.jsonl"), Catch::Contains("abandon"));
  CHECK_THAT(tiny.events(config), Catch::Contains("\"from_step\":1"));
  CHECK_FALSE(std::filesystem::exists(checkpoints + "/step_00000002.a0001.tmp1"));
}

TEST_CASE("--restart does not take a disk that fails for a moment for checkpoints that are gone") {
  struct Failing : test::InspectingStorage {
    File open_read_inside(const std::string& folder, const std::string& name) override {
      if (name == manifest_name) throw Error("open failed: Input/output error", folder + "/" + name, "try again", ExitCode::data);
      return Storage::open_read_inside(folder, name);
    }
  };
  const TinyRun tiny;
  const RunConfig config = tiny.config();
  tiny.run(config, [asked = 0](LoopOptions& options) mutable {
    options.pending_stop = [&asked] { return ++asked == 4 ? StopRequest::requeue : StopRequest::none; };
  });
  prepare_process(1);
  Communicators communicators = test::communicators_of(config, std::move(make_local_group(1).front()));
  Failing storage;
  LoopOptions options;
  options.resume.restart = true;
  CHECK_THROWS_WITH(run_training(config, communicators, storage, options), Catch::Contains("Input/output error"));
  CHECK(test::read_file(config.run.folder + "/lineage.jsonl").find("abandon") == std::string::npos);
  CHECK(tiny.run(config).code == ExitCode::ok);
  const std::string events = tiny.events(config), begun = "\"from_step\":0";
  CHECK(events.find(begun) == events.rfind(begun));  // the first attempt alone
}

TEST_CASE("a run whose result was lost says it again, evaluated, without a loss of its own") {
  const TinyRun tiny;
  const RunConfig config = tiny.config();
  const RunResult first = tiny.run(config);
  std::filesystem::remove(config.run.folder + "/result.json");
  const RunResult again = tiny.run(config);
  CHECK(again.code == ExitCode::ok);
  CHECK(again.validation_loss == first.validation_loss);
  CHECK_FALSE(again.loss.has_value());
}

namespace {

struct Lines : RunMonitor {
  void message(const std::string& line) override { lines.push_back(line); }
  void step(const StepProgress&) override {}
  std::vector<std::string> lines;
};

// The library "mkl" as it is on a processor without bfloat16 arithmetic.
struct OldProcessor final : GemmLibrary {
  std::string name() const override { return "old"; }
  void multiply(const GemmCall&, const float*, const float*, float, float*) const override {}
  void multiply(const GemmCall&, const double*, const double*, double, double*) const override {}
  bool native_bfloat16() const override { return false; }
  void multiply(const GemmCall&, const c10::BFloat16*, const c10::BFloat16*, float, float*) const override {}
  bool multiply_rounded(const GemmCall&, const c10::BFloat16*, const c10::BFloat16*, c10::BFloat16*) const override { return false; }
};

}  // namespace

TEST_CASE("the first line says what the numbers are, and of bfloat16 whether this processor multiplies it or float32 stands in") {
  FlopAudit audit;
  const OldProcessor old;
  CHECK(precision_text(DType::bfloat16, Gemm(audit, old)) == "bfloat16 (products computed in float32 from the rounded values)");
  CHECK(precision_text(DType::bfloat16, Gemm(audit, device_gemm_library())) == "bfloat16 (native products)");
  CHECK(precision_text(DType::float64, Gemm(audit, old)) == "float64");

  // The library is named, for the default of "auto" is the processor's own.
  for (const std::string library : {"mkl", "mkl-float32"}) {
    const TinyRun tiny;
    Lines monitor;
    tiny.run(tiny.config({"train.dtype=bfloat16", "train.steps=2", "run.gemm=" + library}),
             [&](LoopOptions& options) { options.monitor = &monitor; });
    REQUIRE_FALSE(monitor.lines.empty());
    CHECK_THAT(monitor.lines.front(),
               Catch::Contains("parameters in " + precision_text(DType::bfloat16, Gemm(audit, open_gemm_library(library))) + ", mesh"));
  }
}

TEST_CASE("the GEMM library that was measured is booked, stored with the checkpoint and used again, bit for bit") {
  if (onednn_gemm_library() == nullptr) return test::skip("LibTorch's oneDNN refuses this processor: there is no second library");
  const TinyRun tiny;
  // So many steps that measuring pays; stopped long before.
  const std::vector<std::string> keys = {"train.steps=1000000000", "train.dtype=float32", "train.evaluate_every=0",
                                         "checkpoint.every=1000"};
  const auto keys_in = [&](const std::string& folder) {
    std::vector<std::string> more = keys;
    more.push_back("run.folder=\"" + tiny.folder / folder + "\"");
    return tiny.config(more);
  };
  const GemmTimer prefers_onednn = [](const GemmProbe& probe) { return std::vector<double>{probe.library == "onednn" ? 0.5 : 1.0}; };
  const GemmTimer never = [](const GemmProbe&) -> std::vector<double> { throw std::runtime_error("measured again"); };
  const auto until = [](int steps, const GemmTimer& timer) {
    return [steps, timer, asked = 0](LoopOptions& options) mutable {
      options.time_gemm = timer;
      options.pending_stop = [steps, asked]() mutable { return ++asked == steps ? StopRequest::requeue : StopRequest::none; };
    };
  };
  CHECK(tiny.run(keys_in("whole"), until(6, prefers_onednn)).step == 6);
  CHECK(tiny.run(keys_in("cut"), until(3, prefers_onednn)).step == 3);
  CHECK(tiny.run(keys_in("cut"), until(3, never)).step == 6);

  const auto losses = [&](const std::string& folder) {
    std::vector<double> values;
    for (const auto& [step, event] : loss_curve(tiny.events(keys_in(folder)), "events")) values.push_back(event.loss);
    return values;
  };
  CHECK(losses("cut").size() == 6);
  CHECK(losses("cut") == losses("whole"));
  const std::string ledger = tiny.folder / "cut" + "/ledger.jsonl";
  int attempts = 0;
  for (const LedgerLine& line : parse_ledger(test::read_file(ledger), ledger).lines)
    if (const auto* start = std::get_if<AttemptStart>(&line)) {
      ++attempts;
      REQUIRE(start->measured.size() == (attempts == 1 ? 1u : 0u));
      if (attempts > 1) continue;
      CHECK(start->measured[0].what == "gemm");
      CHECK(start->measured[0].choice == "onednn");
      CHECK(start->measured[0].seconds.value > 0);
    }
  CHECK(attempts == 2);
}

TEST_CASE("an attempt stamps what it holds: from the start of its process, and every line with its moment") {
  const TinyRun tiny;
  const RunConfig config = tiny.config({"mesh.dp=2"});
  const double before = unix_time().value;
  tiny.run(config, [](LoopOptions& options) {
    options.process_start = Clock::now() - std::chrono::seconds(100);
    options.allocation = {{}, 3, "4711", 2, {1000}, {1100}};
  });
  const LedgerSummary ledger = summarise(parse_ledger(test::read_file(config.run.folder + "/ledger.jsonl"), "ledger"), "ledger");
  const AllocationStamp& stamp = ledger.attempts.at(0).start.allocation.value();
  CHECK((stamp.places == 3 && stamp.job == "4711" && stamp.restarts == 2));
  CHECK((stamp.job_submitted.value == 1000 && stamp.job_started.value == 1100));
  CHECK((stamp.started.value > before - 101 && stamp.started.value < unix_time().value - 99));
  CHECK(ledger.spent.seconds.startup.value >= 100);
  CHECK((ledger.attempts[0].closed.value >= before && ledger.attempts[0].closed.value <= unix_time().value &&
         ledger.attempts[0].after.value == 0));
  // Of the whole, nothing but what happens between two measurements is missing.
  const double held = (ledger.attempts[0].closed - stamp.started).value;
  CHECK((ledger.spent.seconds.total().value <= held + 0.1 && ledger.spent.seconds.total().value > 100));
}
