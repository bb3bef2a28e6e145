// SPDX-License-Identifier: Apache-2.0
// What happens to a run between two steps; whole runs are in loop_test.cpp.
#include "trainer/training_run.hpp"

#include <atomic>
#include <cmath>
#include <map>
#include <set>

#include "tests/support/filtered_loss.hpp"
#include "tests/trainer/tiny_run.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/events.hpp"
#include "trainer/rank_zero.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TinyRun;

namespace {

struct Recorder : RunMonitor {
  void message(const std::string& line) override { messages += line + "\n"; }
  void step(const StepProgress& progress) override { steps.push_back(progress); }
  void evaluated(const EvaluationProgress& evaluation) override { evaluations.push_back(evaluation); }
  std::string messages;
  std::vector<StepProgress> steps;
  std::vector<EvaluationProgress> evaluations;
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
  CHECK(last.startup.value > 0);
  REQUIRE_FALSE(recorder.evaluations.empty());
  CHECK(recorder.evaluations.back().step == 6);
  CHECK(recorder.evaluations.back().seconds.value > 0);
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

TEST_CASE("an event that cannot be written ends all ranks at the next agreement, with a result and no torn line") {
  const TinyRun tiny;
  const RunConfig config = tiny.config({"train.steps=9", "mesh.dp=2"});
  Recorder recorder;
  struct FullDisk : test::InspectingStorage {
    explicit FullDisk(std::string path) : log(std::move(path)) {}
    void append(const File& file, std::string_view text) override {
      if (file.path() == log && text.find("\"step\":5,") != std::string_view::npos) {
        Storage::append(file, text.substr(0, 9));
        throw Error("write failed: no room", file.path(), "free some space", ExitCode::data);
      }
      Storage::append(file, text);
    }
    const std::string log;
  };
  std::mutex mutex;
  std::vector<std::pair<ExitCode, std::string>> thrown;
  run_local_ranks(2, [&](std::unique_ptr<Communicator> world) {
    prepare_process(1);
    const bool leader = world->rank() == 0;
    Communicators communicators(mesh_of(config.mesh), std::move(world));
    FullDisk storage(config.run.folder + "/events.jsonl");
    LoopOptions options;
    if (leader) options.monitor = &recorder;
    try {
      run_training(config, communicators, storage, options);
    } catch (const AgreedError& error) {
      const std::lock_guard lock(mutex);
      thrown.emplace_back(error.code(), error.problem());
    }
  });
  CHECK((thrown.size() == 2 && thrown[0] == thrown[1] && thrown[0] == std::pair(ExitCode::data, std::string("write failed: no room"))));
  CHECK(recorder.steps.size() == 5);
  const std::string events = tiny.events(config);
  CHECK_THAT(events, Catch::Contains("\"step\":4,") && !Catch::Contains("\"step\":5,") && Catch::EndsWith("}\n"));
  CHECK_THAT(test::read_file(config.run.folder + "/result.json"), Catch::Contains("\"code\": 3"));
  CHECK(tiny.run(config).code == ExitCode::ok);
}

TEST_CASE("nothing is saved at a step whose update was skipped: a save that is due waits for a better one") {
  const TinyRun tiny;
  const RunConfig config = tiny.config({"train.steps=40", "optimizer.lr=1e300", "optimizer.minimum_lr=0", "optimizer.clip=0",
                                        "optimizer.warmup=0", "checkpoint.every=1", "train.evaluate_every=0"});
  CHECK(tiny.run(config).code == ExitCode::stopped);
  std::set<std::int64_t> saved;
  for (const auto& entry : std::filesystem::directory_iterator(config.run.folder + "/checkpoints"))
    if (entry.is_directory()) saved.insert(std::stoll(entry.path().filename().string().substr(5, 8)));
  CHECK_FALSE(saved.empty());
  for (const auto& [step, event] : loss_curve(tiny.events(config), "events")) {
    INFO(step);
    CHECK(saved.count(step) <= (event.skipped ? 0U : 1U));
  }
}

namespace {

// The losses of one step are not finite, as those of a bad batch are; the stop, if any, is asked for in that step.
struct BadStep {
  explicit BadStep(std::int64_t step, StopRequest stop_ = StopRequest::none)
      : stop(stop_), filter([this, step](double loss) { return done == step - 1 ? NAN : loss; }), asked_at(step) {}
  void operator()(LoopOptions& options) {
    options.pending_stop = [this] { return ++done >= asked_at ? stop : StopRequest::none; };
  }
  StopRequest stop;
  std::atomic<std::int64_t> done = 0;
  test::FilteredLoss filter;
  std::int64_t asked_at;
};

Health newest_health(const RunConfig& config) {
  test::InspectingStorage storage;
  return read_catalogue(storage, config.run.folder).candidates().at(0)->manifest.value().health;
}

}  // namespace

TEST_CASE("a stop, or a budget, at a skipped step waits for one that a resume can go on from") {
  const std::map<StopRequest, std::string> causes = {
      {StopRequest::requeue, "\"cause\":\"signal\""}, {StopRequest::time, "\"cause\":\"time\""}, {StopRequest::stop, "\"code\":86"}};
  for (const auto& [stop, cause] : causes) {
    const TinyRun tiny;
    const RunConfig config = tiny.config({"train.evaluate_every=0"});
    BadStep bad(4, stop);
    const RunResult result = tiny.run(config, std::ref(bad));
    CHECK(result.code == (stop == StopRequest::stop ? ExitCode::stopped : ExitCode::saved));
    CHECK(result.step == 5);
    CHECK_THAT(tiny.events(config), Catch::Contains(cause));
    CHECK(newest_health(config).good());
    CHECK(tiny.run(config).code == ExitCode::ok);
    CHECK_THAT(tiny.events(config), Catch::Contains("\"from_step\":5") && !Catch::Contains("\"from_step\":3"));
  }
  const TinyRun tiny;
  const RunConfig config = tiny.config({"train.evaluate_every=0", "accounting.budget=1"});
  BadStep bad(1);
  const RunResult result = tiny.run(config, std::ref(bad));
  CHECK(result.code == ExitCode::budget);
  CHECK(result.step == 2);
}

TEST_CASE("a last step that was skipped leaves a checkpoint that counts only where an evaluation has found it finite") {
  const TinyRun tiny;
  const RunConfig evaluated = tiny.config();
  BadStep bad(6);
  CHECK(tiny.run(evaluated, std::ref(bad)).reason == "train.steps = 6 reached");
  CHECK(newest_health(evaluated).good());
  const RunConfig blind = tiny.config({"train.evaluate_every=0", "run.folder=\"" + tiny.folder / "blind" + "\""});
  bad.done = 0;
  const RunResult result = tiny.run(blind, std::ref(bad));
  CHECK(result.code == ExitCode::ok);
  CHECK_THAT(result.reason, Catch::EndsWith("reached; the last loss was not finite, so its checkpoint is unhealthy and is passed over"));
  CHECK_FALSE(newest_health(blind).finite);
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
