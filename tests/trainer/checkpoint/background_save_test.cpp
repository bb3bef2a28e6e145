// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/background_save.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/thread_priority.hpp"

using namespace ergon;

namespace {

constexpr Seconds patient{600};

int own_niceness() { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())); }

// Holds every write until it is let go.
struct Gate : Storage {
  void pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset) override {
    ++arrived;
    while (closed) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    Storage::pwrite(file, data, offset);
  }
  void await() const {
    while (arrived == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::atomic<bool> closed = true;
  std::atomic<int> arrived = 0;
};

std::shared_ptr<CheckpointSaver> saver_of(Storage& storage, const TemporaryFolder& run, RetentionRules rules = {0}) {
  Storage plain;
  return std::make_shared<CheckpointSaver>(storage, SaverOptions{run.path(), run_identity(plain, run.path()), 1, 0, rules, {}, [] {}});
}

std::vector<std::string> saved(const TemporaryFolder& run) {
  std::vector<std::string> names;
  for (const std::string& name : Storage().list(run / "checkpoints"))
    if (!name.starts_with("latest")) names.push_back(name);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("what is beside training writes and retains at a lower priority than the thread that trains") {
  struct Watched : test::InspectingStorage {
    void pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset) override {
      niceness = own_niceness();
      Storage::pwrite(file, data, offset);
    }
    void drop_cache(const File& file) override {
      reading = own_niceness();
      Storage::drop_cache(file);
    }
    std::atomic<int> niceness = -100, reading = -100;
  };
  const TemporaryFolder run;
  Watched storage;
  const auto control = std::move(make_local_group(1).front());
  const auto saver = saver_of(storage, run, {1});
  const int own = own_niceness();
  BackgroundSave save(saver, patient);
  save.start(model({}, 1), state_of(1));
  REQUIRE_FALSE(save.commit(*control).error);
  save.wait_idle();
  CHECK(storage.niceness == std::min(19, own + background_niceness));
  CHECK(storage.reading == storage.niceness);
  CHECK(own_niceness() == own);
  REQUIRE_FALSE(saver->save(model({}, 2), state_of(2), *control).error);
  CHECK(storage.niceness == own);
}

TEST_CASE("a save beside training holds what the tensors were when it began, once they may change") {
  const TemporaryFolder run;
  Storage storage;
  const auto control = std::move(make_local_group(1).front());
  const auto saver = saver_of(storage, run);
  auto tensors = model({}, 1, Size::large);
  saver->reserve(tensors);
  CHECK(saver->reserved().value == (300 * 1000 + 257 * 6 + 40 * 30) * 4 + 30 * 8 + 8);
  BackgroundSave save(saver, patient);
  for (std::int64_t step = 1; step <= 20; ++step) {
    tensors = model({}, step, Size::large);
    save.start(tensors, state_of(step));
    CHECK(save.in_flight());
    CHECK(save.step() == step);
    save.wait_copied();
    for (CheckpointTensor& tensor : tensors) tensor.data.zero_();
    const SaveResult result = save.commit(*control);
    REQUIRE_FALSE(result.error);
    CHECK_FALSE(save.in_flight());
    CHECK(save.seconds().write.value > 0);
    CheckpointLoader loader(storage, run.path(), *control);
    REQUIRE(loader.open());
    CHECK(loader.state().step == step);
    loader.load(tensors);
    CHECK(holds(tensors, step));
  }
}

TEST_CASE("training goes on while a save is written; a second one cannot begin, and nothing is committed before the write is done") {
  const TemporaryFolder run;
  static Gate storage;  // outlives a thread that a failing test leaves behind
  storage.closed = true;
  const auto control = std::move(make_local_group(1).front());
  BackgroundSave save(saver_of(storage, run), patient);
  save.start(model({}, 1), state_of(1));
  storage.await();
  save.wait_copied();  // returns although nothing is written
  CHECK(save.writing());
  CHECK(saved(run) == Names{"step_00000001.a0001.tmp1"});
  storage.closed = false;
  save.wait_idle();
  CHECK_FALSE(save.writing());
  CHECK(save.in_flight());
  CHECK(saved(run) == Names{"step_00000001.a0001.tmp1"});
  CHECK_THROWS_AS(save.start(model({}, 2), state_of(2)), Bug);
  CHECK_FALSE(save.commit(*control).error);
  CHECK(saved(run) == Names{"step_00000001.a0001"});
  CHECK_THROWS_AS(save.commit(*control), Bug);
}

TEST_CASE("a write that fails is the result of the commit on every rank, nothing is left of it, and the next save works") {
  const TemporaryFolder run;
  Storage plain;
  const std::string uuid = run_identity(plain, run.path());
  std::vector<std::string> problems[2] = {std::vector<std::string>(4), std::vector<std::string>(4)};
  run_local_ranks(4, [&](std::unique_ptr<Communicator> control) {
    const int rank = control->rank();
    FaultyStorage storage(rank == 2 ? Fault::full : Fault::none, 2);
    BackgroundSave save(std::make_shared<CheckpointSaver>(storage, SaverOptions{run.path(), uuid, 1, rank, {0}, {}, [] {}}), patient);
    for (const std::int64_t step : {1, 2}) {
      save.start(model(where(2, 2, rank, Cut::zero), step), state_of(step));
      const SaveResult result = save.commit(*control);
      problems[step - 1][static_cast<std::size_t>(rank)] = result.error ? result.error->problem() : "";
    }
  });
  CHECK(problems[0] == Names(4, "planted failure: No space left on device"));
  CHECK(problems[1] == Names(4, ""));
  CHECK(saved(run) == Names{"step_00000002.a0001"});
  CHECK(load_alone(plain, run.path()).exact);
}

TEST_CASE("a write that does not end is found once the limit has passed, and nobody waits for it") {
  const TemporaryFolder run;
  static Gate storage;
  storage.closed = true;
  const auto control = std::move(make_local_group(1).front());
  const auto stuck = [](const std::function<void()>& call) {
    try {
      call();
    } catch (const Error& error) {
      return error.code() == ExitCode::stuck ? error.what() : std::string("another code");
    }
    return std::string("no error");
  };
  {
    BackgroundSave save(saver_of(storage, run), {0.2});
    save.start(model({}, 7), state_of(7));
    storage.await();
    save.check();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    CHECK_THAT(stuck([&] { save.check(); }), Catch::Contains("the save of step 7 has been under way for") &&
                                                 Catch::Contains("watchdog.checkpoint") && Catch::Contains("does not answer"));
    CHECK_THAT(stuck([&] { save.commit(*control); }), Catch::Contains("the save of step 7"));
  }
  CHECK(saved(run) == Names{"step_00000007.a0001.tmp1"});
  storage.closed = false;
  Storage plain;  // the thread goes on, and commits nothing
  while (plain.size(run / "checkpoints/step_00000007.a0001.tmp1/shard_0000.h5") == 0) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(saved(run) == Names{"step_00000007.a0001.tmp1"});
}

TEST_CASE("what retention no longer wants goes beside training, after the newest was read back") {
  const TemporaryFolder run;
  Storage storage;
  const auto control = std::move(make_local_group(1).front());
  BackgroundSave save(saver_of(storage, run, {1}), patient);
  Names said;
  for (const std::int64_t step : {1, 2, 3}) {
    save.start(model({}, step), state_of(step));
    CHECK_FALSE(save.commit(*control).error);
    save.wait_idle();
    for (const std::string& message : save.take_messages()) said.push_back(message);
  }
  CHECK(saved(run) == Names{"step_00000003.a0001"});
  CHECK(said == Names{"deleted step_00000001.a0001: newer ones are kept", "deleted step_00000002.a0001: newer ones are kept"});
  CHECK(save.take_messages().empty());
}

TEST_CASE("a save that is given up leaves nothing, and the next one works") {
  const TemporaryFolder run;
  Storage storage;
  const auto control = std::move(make_local_group(1).front());
  BackgroundSave save(saver_of(storage, run), patient);
  save.discard();  // there is none
  save.start(model({}, 1), state_of(1));
  save.discard();
  CHECK_FALSE(save.in_flight());
  CHECK(saved(run).empty());
  save.start(model({}, 2), state_of(2));
  CHECK_FALSE(save.commit(*control).error);
  CHECK(load_alone(storage, run.path()).step == 2);
}

TEST_CASE("a process that dies beside a save leaves what no reader looks at, and the next attempt removes it") {
  const TemporaryFolder run;
  Storage plain;
  save_alone(plain, run.path(), 1);
  for (int at = 1; at < 12; ++at) {
    const auto control = std::move(make_local_group(1).front());
    FaultyStorage faulty(Fault::kill_half, at);
    BackgroundSave save(saver_of(faulty, run), patient);
    save.start(model({}, 2), state_of(2));
    CHECK_THROWS_AS(save.commit(*control), Killed);
    const Loaded loaded = load_alone(plain, run.path());
    CHECK((loaded.step == 1 && loaded.exact));
    remove_leftovers(plain, run.path(), 2);
    CHECK(saved(run) == Names{"step_00000001.a0001"});
  }
}
