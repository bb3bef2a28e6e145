// SPDX-License-Identifier: Apache-2.0
// A process that dies, and a disk that fails, at every call of the storage there is in a save, the writing of a store and an export; and
// processes killed at random moments of every phase of a save (ERGON_KILLS of each); one of two writers alone.
#include <sys/mman.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <random>
#include <thread>

#include "tests/fault/export_state.hpp"
#include "tests/fault/good_state.hpp"
#include "tests/fault/outcomes.hpp"
#include "tests/fault/pair_communicator.hpp"
#include "tests/fault/strike.hpp"
#include "tests/trainer/checkpoint/formats/tiny_models.hpp"
#include "trainer/checkpoint/lineage.hpp"

using namespace ergon;
using test::Deed;
using test::FailingStorage;
using test::SavePhase;
using test::start;
using test::strike;
using test::was_killed;

namespace {

// Memory that a child shares with its parent.
class Shared {
 public:
  Shared() : memory_(::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(memory_ != MAP_FAILED);
    new (memory_) std::atomic<int>(0);
  }
  ~Shared() { ::munmap(memory_, sizeof(std::atomic<int>)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  std::atomic<int>& value() { return *static_cast<std::atomic<int>*>(memory_); }
  SavePhase phase() { return static_cast<SavePhase>(value().load()); }

 private:
  void* memory_;
};

void save_second(Storage& storage, const std::string& run) {
  const SaveResult result = save_alone(storage, run, 2, 1, 1);
  if (result.error) throw *result.error;
}

// The old state or the new one, as it was saved, and the run goes on.
std::string good_state(const std::string& run) {
  const std::string seen = look_at_run(run);
  CAPTURE(seen);
  const bool old_one = seen.rfind("step 1 of attempt 1, latest ", 0) == 0, new_one = seen.rfind("step 2 of attempt 1, latest ", 0) == 0;
  CHECK((old_one || new_one));
  return old_one ? "old state" : "new state";
}

class Run {
 public:
  Run() {
    Storage storage;
    begin_run(storage, path(), {1});
  }
  std::string path() const { return scratch_ / "run"; }

 private:
  TemporaryFolder scratch_;
};

}  // namespace

TEST_CASE("failpoints: a save that is killed at any call leaves the old state or the new one") {
  test::Outcomes outcomes({"killed", "old state", "new state"});
  for (const Deed deed : {Deed::kill, Deed::kill_half}) {
    bool killed = true;
    for (int at = 1; killed; ++at) {
      const Run run;
      Shared shared;
      killed = was_killed(start([&] {
        FailingStorage storage(deed, at);
        storage.on_call = [&](SavePhase phase) { shared.value() = static_cast<int>(phase); };
        save_second(storage, run.path());
      }));
      CAPTURE(at, name(shared.phase()));
      const std::string state = good_state(run.path());
      if (!killed) continue;
      outcomes.add(name(shared.phase()), "killed");
      outcomes.add(name(shared.phase()), state);
      if (shared.phase() < SavePhase::commit) CHECK(state == "old state");
      if (shared.phase() > SavePhase::commit) CHECK(state == "new state");
      REQUIRE(at < 500);
    }
  }
  outcomes.print("killed at each call, phase");
  for (const SavePhase phase : test::phases_of_a_save) CHECK(outcomes.count(name(phase), "killed") > 0);
  CHECK(outcomes.count("retention", "killed") > 0);
}

TEST_CASE("failpoints: a save whose disk fails at any call fails in order or has saved") {
  test::Outcomes outcomes({"planted", "old state", "new state"});
  for (const Deed deed : {Deed::no_space, Deed::io_error, Deed::short_write}) {
    for (int at = 1;; ++at) {
      const Run run;
      FailingStorage storage(deed, at);
      const SaveResult result = save_alone(storage, run.path(), 2, 1, 1);
      CAPTURE(at, name(storage.struck_in()));
      CHECK(Storage().exists(run.path() + "/checkpoints/step_00000002.a0001") != result.error.has_value());
      for (const std::string& left : Storage().list(run.path() + "/checkpoints")) CHECK_FALSE(contains(left, ".tmp"));
      if (result.error) CHECK(contains(result.error->problem(), deed == Deed::io_error ? "Input/output error" : "No space left on device"));
      const std::string state = good_state(run.path());
      CHECK((state == "old state") == result.error.has_value());
      if (storage.calls() < at) break;
      outcomes.add(name(storage.struck_in()), "planted");
      outcomes.add(name(storage.struck_in()), state);
      REQUIRE(at < 500);
    }
  }
  outcomes.print("disk fails at each call, phase");
  for (const SavePhase phase : test::phases_of_a_save) CHECK(outcomes.count(name(phase), "planted") > 0);
  CHECK(outcomes.count("retention", "planted") > 0);
}

TEST_CASE("failpoints: an import that is killed, or whose disk fails, at any call leaves a whole store or none") {
  test::Outcomes outcomes({"planted", "nothing", "whole"});
  std::string hash;
  {
    const TemporaryFolder scratch;
    test::InspectingStorage storage;
    hash = import_into(scratch / "tokens.h5", storage, 10, Existing::refuse);
  }
  for (const Deed deed : test::every_deed) {
    bool struck = true;
    for (int at = 1; struck; ++at) {
      const TemporaryFolder scratch;
      const std::string path = scratch / "tokens.h5";
      struck = strike(deed, at, [&](Storage& storage) { import_into(path, storage, 10, Existing::refuse); });
      CAPTURE(at, static_cast<int>(deed));
      const std::string seen = look_at_store(path, hash);
      CHECK((seen == "whole" || (struck && seen == "nothing")));
      if (struck) {
        outcomes.add(kills(deed) ? "killed" : "disk fails", "planted");
        outcomes.add(kills(deed) ? "killed" : "disk fails", seen);
      }
      // The next import finds whatever is left and clears it away.
      test::InspectingStorage plain;
      CHECK(import_into(path, plain, 10, Existing::replace) == hash);
      CHECK(plain.list(scratch.path()) == std::vector<std::string>{"tokens.h5"});
      REQUIRE(at < 200);
    }
  }
  outcomes.print("an import, at each call");
}

TEST_CASE("failpoints: an export that is killed, or whose disk fails, at any call leaves a whole one or none") {
  test::Outcomes outcomes({"planted", "nothing", "whole"});
  const TemporaryFolder run;
  test::InspectingStorage plain;
  const std::string saved = test::save_model(plain, run / "run", test::tiny_llama());
  const CheckpointReader checkpoint(plain, saved);
  struct {
    ExportFormat format;
    const char *name, *output;
  } const formats[] = {
      {ExportFormat::safetensors, "safetensors", "out"}, {ExportFormat::pt, "pt", "out"}, {ExportFormat::hdf5, "hdf5", "out.h5"}};
  for (const auto& [format, name, output] : formats) {
    ExportOptions options;
    options.format = format;
    test::Tree good;
    {
      const TemporaryFolder scratch;
      export_model(plain, checkpoint, scratch / output, options);
      good = test::read_tree(scratch.path());
    }
    for (const Deed deed : test::every_deed) {
      bool struck = true;
      for (int at = 1; struck; ++at) {
        const TemporaryFolder scratch;
        struck =
            strike(deed, at, [&](Storage& storage) { export_model(storage, CheckpointReader(storage, saved), scratch / output, options); });
        CAPTURE(at, static_cast<int>(deed), name);
        const std::string seen = test::look_at_export(checkpoint, options, scratch / output, good);
        CHECK((seen == "whole" || (struck && seen == "nothing")));
        REQUIRE(at < 1000);
        if (!struck) continue;
        const std::string row = fmt::format("{}, {}", name, kills(deed) ? "killed" : "disk fails");
        outcomes.add(row, "planted");
        outcomes.add(row, seen);
      }
    }
  }
  outcomes.print("an export, at each call");
}

TEST_CASE("failpoints: saves killed at random moments of every phase") {
  const int wanted = test::count_of("ERGON_KILLS", 1);
  test::Outcomes outcomes({"killed", "old state", "new state"});
  std::mt19937 random(7);
  for (const SavePhase target : test::phases_of_a_save) {
    for (int trial = 0; outcomes.count(name(target), "killed") < wanted; ++trial) {
      REQUIRE(trial < 50 * wanted);
      const Run run;
      Shared shared;
      const pid_t child = start([&] {
        FailingStorage storage(Deed::none, 0);
        storage.on_call = [&](SavePhase phase) {
          shared.value() = static_cast<int>(phase);
          std::this_thread::sleep_for(std::chrono::microseconds(phase == SavePhase::retention ? 0 : 500));
        };
        save_second(storage, run.path());
        shared.value() = static_cast<int>(SavePhase::retention);
      });
      while (shared.phase() < target) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 1000));
      ::kill(child, SIGKILL);
      was_killed(child);
      const SavePhase phase = shared.phase();
      CAPTURE(name(phase));
      const std::string state = good_state(run.path());
      if (phase == SavePhase::retention) continue;  // it came too late to count
      outcomes.add(name(phase), "killed");
      outcomes.add(name(phase), state);
    }
  }
  outcomes.print("killed at random, phase");
}

TEST_CASE("failpoints: one writer of two that is killed alone leaves the old state or the new one, and the other ends") {
  test::Outcomes outcomes({"killed", "old state", "new state"});
  for (const int victim : {0, 1}) {
    bool killed = true;
    for (int at = 1; killed; ++at) {
      const Run run;
      Shared shared;
      test::Pair pair;
      const auto save = [&](int rank) {
        FailingStorage storage(rank == victim ? Deed::kill_half : Deed::none, at);
        if (rank == victim) storage.on_call = [&](SavePhase phase) { shared.value() = static_cast<int>(phase); };
        test::PairCommunicator control(rank, pair.take(rank));
        CheckpointSaver saver(storage, {run.path(), run_identity(storage, run.path()), 1, rank, {0}, {}});
        try {
          const SaveResult result = saver.save(model(where(1, 2, rank, Cut::zero), 2), state_of(2), control);
          if (result.error) throw *result.error;
        } catch (const Error& error) {
          if (rank == victim || error.problem() != "the other process is gone") throw;
        }
      };
      const pid_t other = start([&] { save(1 - victim); }), dies = start([&] { save(victim); });
      pair.take(0), pair.take(1);
      CHECK_FALSE(was_killed(other));
      killed = was_killed(dies);
      CAPTURE(victim, at, name(shared.phase()));
      const std::string state = good_state(run.path());
      REQUIRE(at < 200);
      if (!killed) continue;
      const std::string row = fmt::format("writer {}, {}", victim, name(shared.phase()));
      outcomes.add(row, "killed");
      outcomes.add(row, state);
      if (shared.phase() != SavePhase::commit) CHECK(state == (shared.phase() < SavePhase::commit ? "old state" : "new state"));
    }
  }
  outcomes.print("one of two writers killed, phase");
  // Behind its data the second writer only waits.
  for (const SavePhase phase : test::phases_of_a_save) CHECK(outcomes.count(fmt::format("writer 0, {}", name(phase)), "killed") > 0);
  for (const SavePhase phase : {SavePhase::layout, SavePhase::data})
    CHECK(outcomes.count(fmt::format("writer 1, {}", name(phase)), "killed") > 0);
}
