// SPDX-License-Identifier: Apache-2.0
// What happens to a run between two steps; whole runs are in loop_test.cpp.
#include "trainer/training_run.hpp"

#include "tests/support/catch.hpp"
#include "tests/trainer/tiny_run.hpp"

using namespace ergon;
using test::TinyRun;

namespace {

struct Recorder : RunMonitor {
  void message(const std::string& line) override { messages += line + "\n"; }
  void step(const StepProgress& progress) override { steps.push_back(progress); }
  std::string messages;
  std::vector<StepProgress> steps;
};

}  // namespace

TEST_CASE("progress tells step, speed, utilisation of a known peak and what is spent") {
  const TinyRun tiny;
  Recorder recorder;
  tiny.run(tiny.config({"accounting.peak=a100", "train.dtype=float32"}), [&](LoopOptions& options) { options.monitor = &recorder; });
  REQUIRE(recorder.steps.size() == 6);
  const StepProgress& last = recorder.steps.back();
  CHECK(last.step == 6);
  CHECK(last.steps == 6);
  CHECK(last.tokens_per_second > 0);
  CHECK(last.remaining.value == 0);
  CHECK(last.spent.value > recorder.steps.front().spent.value);
}

TEST_CASE("the first step's counts are checked against the prediction and written down") {
  const TinyRun tiny;
  const RunConfig config = tiny.config({"mesh.dp=2", "mesh.tp=2"});
  tiny.run(config);
  CHECK_THAT(tiny.events(config), Catch::Contains("\"equals_prediction\":true"));
}

TEST_CASE("a save that fails leaves the older checkpoint and training goes on; at the end it is an error") {
  const TinyRun tiny;
  const RunConfig config = tiny.config({"train.steps=9"});
  Recorder recorder;
  // From step 4 on the checkpoint folder is a file: nothing can be saved.
  int asked = 0;
  const auto sabotage = [&](LoopOptions& options) {
    options.monitor = &recorder;
    options.pending_stop = [&] {
      if (++asked == 5) {
        std::filesystem::rename(config.run.folder + "/checkpoints", config.run.folder + "/kept");
        test::write_file(config.run.folder + "/checkpoints", "");
      }
      return StopRequest::none;
    };
  };
  CHECK_THROWS_AS(tiny.run(config, sabotage), Error);
  CHECK_THAT(recorder.messages, Catch::Contains("step 6: NOT saved"));
  CHECK(recorder.steps.size() == 9);
  std::filesystem::remove(config.run.folder + "/checkpoints");
  std::filesystem::rename(config.run.folder + "/kept", config.run.folder + "/checkpoints");
  CHECK(tiny.run(config).code == ExitCode::ok);
}

TEST_CASE("a stop file in the run folder stops with 86, once") {
  const TinyRun tiny;
  const RunConfig config = tiny.config({"train.steps=50", "mesh.dp=2"});
  Recorder recorder;
  const RunResult result = tiny.run(config, [&](LoopOptions& options) {
    options.monitor = &recorder;
    options.pending_stop = [&] {
      test::write_file(config.run.folder + "/stop", "");
      return StopRequest::none;
    };
  });
  CHECK(result.code == ExitCode::stopped);
  CHECK(result.step < 50);
  CHECK_FALSE(std::filesystem::exists(config.run.folder + "/stop"));
  CHECK_THAT(recorder.messages, Catch::Contains("removed " + config.run.folder + "/stop"));
  CHECK(tiny.run(config).code == ExitCode::ok);
}

TEST_CASE("a stop that comes with the last step ends nothing: the target was reached, and evaluated") {
  const TinyRun tiny;
  int asked = 0;
  const RunResult result = tiny.run(tiny.config(), [&](LoopOptions& options) {
    options.pending_stop = [&] { return ++asked == 6 ? StopRequest::requeue : StopRequest::none; };
  });
  CHECK(result.code == ExitCode::ok);
  CHECK(result.step == 6);
  CHECK(result.validation_loss.has_value());
}

TEST_CASE("a budget that is spent already buys no further step") {
  const TinyRun tiny;
  const RunConfig config = tiny.config({"accounting.budget=1"});
  CHECK(tiny.run(config).step == 1);
  const std::string before = tiny.events(config);
  const RunResult again = tiny.run(config);
  CHECK(again.code == ExitCode::budget);
  CHECK(again.step == 1);
  CHECK(tiny.events(config).find("\"event\":\"step\"", before.size()) == std::string::npos);
}
