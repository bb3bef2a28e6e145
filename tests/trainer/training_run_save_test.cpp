// SPDX-License-Identifier: Apache-2.0
// Saves beside training: what is written is what a blocking save writes, and what goes wrong is said at the next boundary.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "accounting/snapshot_memory.hpp"
#include "tests/trainer/tiny_run.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/rank_zero.hpp"
#include "trainer/training_run.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TinyRun;

namespace {

RunConfig in(const TinyRun& tiny, const std::string& folder, std::vector<std::string> keys) {
  keys.insert(keys.begin(), "checkpoint.asynchronous=true");
  keys.push_back("run.folder=\"" + tiny.folder / folder + "\"");
  return tiny.config(keys);
}

std::vector<nlohmann::json> events_of(const TinyRun& tiny, const RunConfig& config, const std::string& kind) {
  std::vector<nlohmann::json> found;
  std::istringstream lines(tiny.events(config));
  for (std::string line; std::getline(lines, line);)
    if (const auto event = nlohmann::json::parse(line); event.at("event") == kind) found.push_back(event);
  return found;
}

// step -> name, size and checksum of every shard
std::map<std::int64_t, std::vector<StoredFile>> shards(const RunConfig& config) {
  test::InspectingStorage storage;
  std::map<std::int64_t, std::vector<StoredFile>> found;
  const Catalogue catalogue = read_catalogue(storage, config.run.folder);
  for (const CatalogueEntry* entry : catalogue.candidates())
    for (const StoredFile& file : entry->manifest.value().files)
      if (file.name.ends_with(".h5")) found[entry->id.step].push_back(file);
  return found;
}

std::string state_text(const RunConfig& config, std::int64_t step, const char* part) {
  const std::string folder = checkpoints_folder(config.run.folder) + "/" + checkpoint_name(step, 1);
  return nlohmann::json::parse(test::read_file(folder + "/state.json")).at(part).dump();
}

}  // namespace

TEST_CASE("what is saved beside training is what a blocking save writes, to the byte, on meshes and ZeRO stages") {
  const std::vector<std::vector<std::string>> meshes = {{"train.dtype=float32"},
                                                        {"train.dtype=bfloat16", "mesh.dp=2", "mesh.zero=1"},
                                                        {"train.dtype=float32", "mesh.dp=2", "mesh.zero=3"},
                                                        {"mesh.tp=2", "mesh.pp=2"}};
  for (const std::vector<std::string>& mesh : meshes) {
    const TinyRun tiny;
    std::vector<std::string> keys = {"train.steps=7", "checkpoint.every=1", "checkpoint.keep=100", "train.evaluate_every=2"};
    keys.insert(keys.end(), mesh.begin(), mesh.end());
    const RunConfig beside = in(tiny, "beside", keys);
    keys.push_back("checkpoint.asynchronous=false");
    const RunConfig blocking = in(tiny, "blocking", keys);
    CHECK(tiny.run(beside).code == ExitCode::ok);
    CHECK(tiny.run(blocking).code == ExitCode::ok);
    CHECK(tiny.losses(beside) == tiny.losses(blocking));
    CHECK(shards(beside).size() == 7);
    CHECK(shards(beside) == shards(blocking));
    for (const std::int64_t step : {1, 4, 7})
      for (const char* part : {"step", "data", "records", "health"})
        CHECK(state_text(beside, step, part) == state_text(blocking, step, part));
    CHECK(events_of(tiny, beside, "save").size() == 7);
    for (const auto& event : events_of(tiny, beside, "save")) {
      CHECK(event.at("seconds").get<double>() >= event.at("blocked").get<double>());
      CHECK(event.at("blocked").get<double>() > 0);
      CHECK((event.at("write").get<double>() > 0) == (event.at("step") < 7));  // the last one blocks: nothing follows it
    }
  }
}

TEST_CASE("the second copy takes what the plan of memory says, over all ranks of any mesh") {
  const std::vector<std::vector<std::string>> meshes = {{"mesh.dp=2", "mesh.tp=2"},
                                                        {"mesh.dp=4", "mesh.zero=1", "train.dtype=bfloat16"},
                                                        {"mesh.dp=2", "mesh.zero=3", "mesh.tp=4"},
                                                        {"mesh.pp=2", "mesh.cp=2"}};
  for (const std::vector<std::string>& mesh : meshes) {
    const TinyRun tiny;
    const RunConfig config = in(tiny, "run", mesh);
    std::atomic<std::int64_t> bytes = 0;
    run_local_ranks(mesh_of(config.mesh).size(), [&](std::unique_ptr<Communicator> world) {
      Communicators communicators = test::communicators_of(config, std::move(world));
      const Replica replica(config, communicators);
      Storage storage;
      CheckpointSaver saver(storage, {tiny.folder / "run", "r", 1, communicators.world->rank(), {0}, {}});
      saver.reserve(tensors_of(replica));
      bytes += saver.reserved().value;
    });
    CHECK(bytes == snapshot_bytes(config).value);
  }
}

TEST_CASE("a run that was stopped beside a save goes on to the same bits") {
  const TinyRun tiny;
  const std::vector<std::string> keys = {"train.steps=12", "train.dtype=float32", "mesh.dp=2", "checkpoint.every=2"};
  const RunConfig whole = in(tiny, "whole", keys), cut = in(tiny, "cut", keys);
  tiny.run(whole);
  for (int attempt = 1; attempt <= 3; ++attempt) {
    std::atomic<int> asked = 0;
    const RunResult result = tiny.run(
        cut, [&](LoopOptions& options) { options.pending_stop = [&] { return ++asked > 5 ? StopRequest::requeue : StopRequest::none; }; });
    CHECK(result.code == ExitCode::saved);
  }
  CHECK(tiny.run(cut).code == ExitCode::ok);
  CHECK(tiny.losses(cut) == tiny.losses(whole));
}

namespace {

// Holds the writes of shards until `step` steps were done.
struct SlowDisk : test::InspectingStorage {
  explicit SlowDisk(const std::atomic<std::int64_t>& done_, std::int64_t until_) : done(done_), until(until_) {}
  void pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset) override {
    while (file.path().ends_with(".h5") && done < until) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    Storage::pwrite(file, data, offset);
  }
  const std::atomic<std::int64_t>& done;
  const std::int64_t until;
};

// Keeps a byte of the shards of one checkpoint otherwise than it was written: what is read back shows it.
struct LossyDisk : test::InspectingStorage {
  explicit LossyDisk(std::int64_t step) : folder(checkpoint_name(step, 1)) {}
  void drop_cache(const File& file) override {
    Storage::drop_cache(file);
    if (file.path().find(folder) == std::string::npos || !file.path().ends_with(".h5")) return;
    const std::byte wrong{0x5a};
    Storage::pwrite(Storage::open_write(file.path()), {&wrong, 1}, size(file) - 1);
  }
  const std::string folder;
};

std::vector<std::int64_t> saved_steps(const RunConfig& config) {
  std::vector<std::int64_t> steps;
  for (const auto& [step, files] : shards(config)) steps.push_back(step);
  return steps;
}

RunResult run_on(const RunConfig& config, Storage& storage, std::atomic<std::int64_t>& done, std::int64_t stop_at = -1) {
  prepare_process(1);
  Communicators communicators = test::communicators_of(config, std::move(make_local_group(1).front()));
  LoopOptions options;
  options.pending_stop = [&] { return ++done == stop_at ? StopRequest::requeue : StopRequest::none; };
  return run_training(config, communicators, storage, options);
}

}  // namespace

TEST_CASE("training goes on beside a slow disk, and the checkpoint is committed at the boundary that finds it written") {
  const TinyRun tiny;
  const RunConfig config = in(tiny, "run", {"train.steps=9", "checkpoint.every=3", "train.evaluate_every=0"});
  std::atomic<std::int64_t> done = 0;
  SlowDisk storage(done, 5);
  CHECK(run_on(config, storage, done).code == ExitCode::ok);
  std::vector<std::int64_t> order;  // steps, and saves as -step
  std::istringstream lines(tiny.events(config));
  for (std::string line; std::getline(lines, line);) {
    const auto event = nlohmann::json::parse(line);
    if (event.at("event") == "step") order.push_back(event.at("step"));
    if (event.at("event") == "save") order.push_back(-event.at("step").get<std::int64_t>());
  }
  const auto place = [&](std::int64_t what) { return std::find(order.begin(), order.end(), what) - order.begin(); };
  CHECK(place(5) < place(-3));
  CHECK(place(-3) < place(7));  // the save of step 6 waits for it
  CHECK(place(-6) > place(6));
  CHECK(order.back() == -9);
}

TEST_CASE("a save beside training that fails is said at the next boundary, is never taken for a good one, and the run goes on") {
  struct FullDisk : test::InspectingStorage {
    void pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset) override {
      if (file.path().find("step_00000003.a0001.tmp") != std::string::npos)
        throw Error("no room", file.path(), "make some", ExitCode::data);
      Storage::pwrite(file, data, offset);
    }
  };
  const TinyRun tiny;
  const RunConfig config = in(tiny, "run", {"train.steps=9", "train.evaluate_every=0"});
  std::atomic<std::int64_t> done = 0;
  FullDisk storage;
  CHECK(run_on(config, storage, done).code == ExitCode::ok);
  const auto failed = events_of(tiny, config, "save_failed");
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].at("step") == 3);
  CHECK_THAT(failed[0].at("why").get<std::string>(), Catch::Contains("no room"));
  CHECK(saved_steps(config) == std::vector<std::int64_t>{6, 9});
}

TEST_CASE("a disk that does not answer ends the run with 5, once watchdog.checkpoint has passed") {
  static std::atomic<std::int64_t> done;
  static std::unique_ptr<SlowDisk> storage;  // outlives the thread that is left behind
  done = 0;
  storage = std::make_unique<SlowDisk>(done, 1'000'000'000);
  const TinyRun tiny;
  const RunConfig config =
      in(tiny, "run",
         {"train.steps=1000000", "checkpoint.every=3", "train.evaluate_every=0", "watchdog.checkpoint=0.3", "optimizer.schedule=constant"});
  try {
    run_on(config, *storage, done);
    FAIL("it went on");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::stuck);
    CHECK_THAT(error.what(), Catch::Contains("the save of step 3 has been under way for"));
  }
  done = 1'000'000'000;
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
}

TEST_CASE("the best checkpoint of a run stays beside the newest") {
  const TinyRun tiny;
  const RunConfig config = in(tiny, "run",
                              {"train.steps=8", "checkpoint.every=1", "train.evaluate_every=1", "checkpoint.keep=1",
                               "checkpoint.keep_best=true", "checkpoint.keep_every=5", "optimizer.lr=3e-2"});
  tiny.run(config);
  std::int64_t best = 0;
  double lowest = INFINITY;
  for (const auto& event : events_of(tiny, config, "evaluation"))
    if (event.at("loss").get<double>() < lowest) lowest = event.at("loss"), best = event.at("step");
  std::set<std::int64_t> kept;
  for (const auto& [step, files] : shards(config)) kept.insert(step);
  CHECK(kept == std::set<std::int64_t>{5, 8, best});
}

TEST_CASE("a save beside training that does not read back was none, and the run goes on") {
  const TinyRun tiny;
  const RunConfig config = in(tiny, "run", {"train.steps=9", "train.evaluate_every=0"});
  std::atomic<std::int64_t> done = 0;
  LossyDisk storage(3);
  CHECK(run_on(config, storage, done).code == ExitCode::ok);
  const auto failed = events_of(tiny, config, "save_failed");
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].at("step") == 3);
  CHECK_THAT(failed[0].at("why").get<std::string>(), Catch::StartsWith("it does not read back: "));
  CHECK(saved_steps(config) == std::vector<std::int64_t>{6, 9});
}

TEST_CASE("a last save that does not read back is no end: the run fails, and the same line does it again") {
  const TinyRun tiny;
  const RunConfig config = in(tiny, "run", {"train.evaluate_every=0"});
  std::atomic<std::int64_t> done = 0;
  LossyDisk storage(6);
  CHECK_THROWS_WITH(run_on(config, storage, done), Catch::Contains("what was saved does not read back: "));
  CHECK(events_of(tiny, config, "save_failed").size() == 1);
  CHECK(saved_steps(config) == std::vector<std::int64_t>{3});
  CHECK(tiny.run(config).code == ExitCode::ok);
  CHECK(saved_steps(config) == std::vector<std::int64_t>{3, 6});
}
