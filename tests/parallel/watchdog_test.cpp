// SPDX-License-Identifier: Apache-2.0
// Ranks as threads: the same watchdog as in processes, but a hit ends the waits instead of the process.
#include "parallel/watchdog.hpp"

#include <ATen/ops/zeros.h>

#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "parallel/communicator_local.hpp"
#include "parallel/communicators.hpp"
#include "tests/parallel/memory_folder.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

using Clock = std::chrono::steady_clock;

void sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

WatchdogLimits short_limits(double step) {
  WatchdogLimits limits;
  limits.start = limits.checkpoint = {60};
  limits.step = {step};
  limits.abort = {20};
  limits.collect = {1};
  limits.gather = {5};
  return limits;
}

struct Scene {
  int ranks = 4;
  WatchdogLimits limits = short_limits(0.5);
  std::vector<int> without = {};  // ranks that nobody watches: to the others they are silent
  std::function<ProcessState(int)> process = {};
  std::function<bool()> stop_asked = {};
  std::function<void()> on_abort = {};
};

struct Outcome {
  std::vector<std::string> thrown;  // by rank
  std::vector<std::string> said;
  std::shared_ptr<test::MemoryFolder> folder = std::make_shared<test::MemoryFolder>();
};

// `body` runs on every rank of a mesh dp=2 x tp=2 (or dp=ranks), in phase step, step 7.
Outcome play(const Scene& scene, const std::function<void(Communicators&, Watchdog*)>& body, bool full_disk = false) {
  Outcome outcome;
  outcome.thrown.resize(static_cast<std::size_t>(scene.ranks));
  outcome.folder->full = full_disk;
  std::mutex mutex;
  std::atomic<int> ended = 0, other_codes = 0;
  auto mail = make_local_mail(scene.ranks);
  const Mesh mesh = scene.ranks == 4 ? Mesh({2, 1, 1, 2}) : Mesh({scene.ranks, 1, 1, 1});
  run_local_ranks(scene.ranks, [&](std::unique_ptr<Communicator> world) {
    const auto rank = static_cast<std::size_t>(world->rank());
    const auto record = std::make_shared<FlightRecord>(world->rank());
    world->record(record);
    WatchdogHooks hooks;
    hooks.stop_asked = scene.stop_asked;
    hooks.process = scene.process;
    for (int other = 0; scene.process && other < scene.ranks; ++other)
      if (other != world->rank()) hooks.neighbours.push_back(other);
    hooks.say = [&](const Error& error) {
      const std::lock_guard lock(mutex);
      outcome.said.emplace_back(error.what());
    };
    hooks.end = [record](const Error& error) { record->give_up(error); };
    std::unique_ptr<Watchdog> watchdog;
    if (std::find(scene.without.begin(), scene.without.end(), world->rank()) == scene.without.end()) {
      watchdog = std::make_unique<Watchdog>(record, scene.ranks, std::move(mail[rank]), scene.limits, hooks);
      watchdog->write_to(outcome.folder);
      if (scene.on_abort) watchdog->on_abort(scene.on_abort);
    }
    Communicators groups(mesh, std::move(world));
    record->enter(FlightPhase::step, 7);
    try {
      body(groups, watchdog.get());
    } catch (const Error& error) {
      outcome.thrown[rank] = error.problem();
      other_codes += error.code() != ExitCode::stuck;
    }
    // A rank that leaves first would end the others in another way.
    ++ended;
    for (const auto start = Clock::now(); ended < scene.ranks && Clock::now() - start < std::chrono::seconds(10);) sleep(0.01);
  });
  CHECK(other_codes == 0);
  return outcome;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void all_reduce(Communicator& group) {
  at::Tensor data = at::zeros({6}, at::kDouble);
  group.all_reduce(data).wait();
}

// Rank 1 hangs until the waits of all others have ended, at most 20 s: came it earlier, the slowest of them would see it arrive.
void meet_without_rank_one(Communicators& groups, std::atomic<int>& ended) {
  if (groups.world->rank() == 1)
    for (const auto start = Clock::now(); ended < groups.world->size() - 1 && Clock::now() - start < std::chrono::seconds(20);) sleep(0.01);
  try {
    all_reduce(*groups.world);
  } catch (const Error&) {
    ++ended;
    throw;
  }
}

}  // namespace

TEST_CASE("watchdog: all ranks end with the name of the one that does not come, also those that wait for others") {
  // Rank 2 computes. Rank 3 waits for it in tp, rank 0 in dp, and rank 1 waits for rank 3.
  const Outcome outcome = play({}, [&](Communicators& groups, Watchdog* watchdog) {
    // Until its own watchdog, too, has given up: came it earlier, the sums would be complete.
    if (groups.world->rank() == 2)
      for (const auto start = Clock::now(); Clock::now() - start < std::chrono::seconds(20); sleep(0.01)) watchdog->record()->check();
    all_reduce(groups.world->rank() == 3 ? *groups.tp : *groups.dp_cp);
  });
  const std::string tp = "rank 2 is missing from all_reduce 1 on tp (ranks 2, 3): [6] float64, step 7 (step), waited for ";
  const std::string dp = "rank 2 is missing from all_reduce 0 on cp-dp (ranks 0, 2): [6] float64, step 7 (step), waited for ";
  for (int rank = 0; rank < 4; ++rank) {
    INFO(rank);
    const std::string& text = outcome.thrown[static_cast<std::size_t>(rank)];
    INFO(text);
    CHECK((text.starts_with(tp) || text.starts_with(dp)));
    const auto record = nlohmann::json::parse(outcome.folder->read("rank_0000" + std::to_string(rank) + ".json"));
    CHECK(record.at("rank") == rank);
    CHECK(has(record.at("verdict").at("message"), "rank 2 is"));
  }
  // Every rank says it: who finds it with its reasons, who is told with where it stands itself.
  CHECK(outcome.said.size() == 4);
  for (const std::string& line : outcome.said) {
    INFO(line);
    CHECK((has(line, tp) || has(line, dp)));
    const bool told = has(line, "(found by rank ");
    CHECK(told != has(line, "is alive in step 7 (step) and has started "));
    CHECK(told != has(line, "flight records of the living ranks: memory"));
    if (told) CHECK((has(line, "; this rank waits in all_reduce ") || has(line, "; this rank waits for nobody in step 7 (step))")));
  }
}

TEST_CASE("watchdog: a rank that does not answer is missing") {
  Scene scene;
  scene.without = {1};
  std::atomic<int> ended = 0;
  const Outcome outcome = play(scene, [&](Communicators& groups, Watchdog*) {
    if (groups.world->rank() == 1) {
      for (const auto start = Clock::now(); ended < 3 && Clock::now() - start < std::chrono::seconds(20);) sleep(0.01);
      return;
    }
    try {
      all_reduce(*groups.world);
    } catch (const Error&) {
      ++ended;
      throw;
    }
  });
  CHECK(ended == 3);
  for (int rank : {0, 2, 3})
    CHECK(outcome.thrown[static_cast<std::size_t>(rank)].starts_with("rank 1 is missing from all_reduce 5 on world (ranks 0, 1, 2, 3)"));
  CHECK(has(outcome.said.at(0), "rank 1 does not answer: dead, stopped, or cut off from the network"));
}

TEST_CASE("watchdog: ranks that wait for each other in a circle are told so, and nobody is blamed") {
  // 0 waits for 1 in tp, 1 for 3 in dp, 3 for 2 in tp, 2 for 0 in dp.
  const Outcome outcome = play({}, [&](Communicators& groups, Watchdog*) {
    const int rank = groups.world->rank();
    all_reduce(rank == 0 || rank == 3 ? *groups.tp : *groups.dp_cp);
  });
  for (const std::string& text : outcome.thrown) CHECK(text.starts_with("ranks wait for each other, nobody is missing: all_reduce "));
}

TEST_CASE("watchdog: by folder when the group is large") {
  Scene scene;
  scene.limits.largest_group = 1;
  scene.limits.collect = {3};
  const Outcome outcome = play(scene, [&](Communicators& groups, Watchdog* watchdog) {
    if (groups.world->rank() != 3) return all_reduce(*groups.world);
    for (const auto start = Clock::now(); Clock::now() - start < std::chrono::seconds(20);) {
      watchdog->record()->check();
      sleep(0.01);
    }
  });
  for (const std::string& text : outcome.thrown) CHECK(text.starts_with("rank 3 is missing from all_reduce 5 on world"));
  CHECK(has(outcome.said.at(0), "rank 3 is alive in step 7"));
  CHECK(has(nlohmann::json(outcome.folder->names()).dump(), "mail_00003_"));
}

TEST_CASE("watchdog: patience begins anew with every step, and other phases have limits of their own") {
  for (const bool new_steps : {true, false}) {
    const Outcome outcome = play({}, [&](Communicators& groups, Watchdog* watchdog) {
      if (!new_steps) watchdog->enter(FlightPhase::checkpoint, 7);
      if (groups.world->rank() == 0) sleep(1.2);
      std::atomic<bool> over = false;
      std::thread trainer([&] {
        for (std::int64_t step = 8; new_steps && !over; ++step) {
          watchdog->enter(FlightPhase::step, step);
          sleep(0.1);
        }
      });
      all_reduce(*groups.world);
      over = true;
      trainer.join();
    });
    CHECK(outcome.said.empty());
    CHECK(outcome.thrown == std::vector<std::string>(4));
    CHECK(outcome.folder->names().empty());
  }
}

TEST_CASE("watchdog: starting is waited for by a limit of its own, longer or shorter than a step's") {
  for (const bool patient : {true, false}) {
    Scene scene;
    scene.limits = short_limits(patient ? 0.5 : 60);
    if (!patient) scene.limits.start = {0.5};
    const Outcome outcome = play(scene, [&](Communicators& groups, Watchdog* watchdog) {
      watchdog->enter(FlightPhase::start, 0);
      const Seconds late{groups.world->rank() > 0 ? 0 : patient ? 1.2 : 20};
      for (const auto start = Clock::now(); Clock::now() - start < std::chrono::duration<double>(late.value); sleep(0.01))
        watchdog->record()->check();
      all_reduce(*groups.world);
    });
    CHECK(outcome.said.empty() == patient);
    for (const std::string& text : outcome.thrown)
      CHECK((patient ? text.empty() : has(text, "rank 0 is missing from all_reduce 5 on world") && has(text, "(start)")));
  }
}

TEST_CASE("watchdog: after a stop was asked for, a stopped process is found at once and a busy one is not blamed") {
  for (const ProcessState state : {ProcessState::stopped, ProcessState::running}) {
    Scene scene;
    scene.limits = short_limits(100);
    scene.stop_asked = [] { return true; };
    scene.process = [state](int rank) { return rank == 1 ? state : ProcessState::running; };
    std::atomic<int> ended = 0;
    const auto start = Clock::now();
    const Outcome outcome = play(scene, [&](Communicators& groups, Watchdog*) {
      if (groups.world->rank() == 1) {
        if (state == ProcessState::running) sleep(1.2);
        while (state == ProcessState::stopped && ended < 3 && Clock::now() - start < std::chrono::seconds(20)) sleep(0.01);
      }
      try {
        all_reduce(*groups.world);
      } catch (const Error&) {
        ++ended;
        throw;
      }
    });
    if (state == ProcessState::running) CHECK(outcome.said.empty());
    if (state == ProcessState::running) continue;
    CHECK(Clock::now() - start < std::chrono::seconds(10));
    CHECK(outcome.thrown[0].starts_with("rank 1 is missing from all_reduce 5 on world"));
    CHECK(has(outcome.said.at(0), "rank 1 its process is stopped"));
  }
}

TEST_CASE("watchdog: after a stop was asked for, a rank that hangs is waited for only so long") {
  Scene scene;
  scene.limits = short_limits(100);
  scene.limits.stop = {0.5};
  scene.stop_asked = [] { return true; };
  std::atomic<int> ended = 0;
  const Outcome outcome = play(scene, [&](Communicators& groups, Watchdog* watchdog) {
    sleep(0.1);  // a short step
    watchdog->enter(FlightPhase::step, 8);
    meet_without_rank_one(groups, ended);
  });
  CHECK(outcome.thrown[0].starts_with("rank 1 is missing from all_reduce 5 on world"));
}

TEST_CASE("watchdog: a process that is gone ends the run, whether or not anybody waits") {
  Scene scene;
  scene.limits = short_limits(100);
  std::atomic<bool> dead = false;
  scene.process = [&](int rank) { return dead && rank == 2 ? ProcessState::gone : ProcessState::running; };
  const Outcome outcome = play(scene, [&](Communicators& groups, Watchdog* watchdog) {
    dead = true;
    for (const auto start = Clock::now(); Clock::now() - start < std::chrono::seconds(20);) {
      watchdog->record()->check();
      sleep(0.01);
    }
    static_cast<void>(groups);
  });
  for (const std::string& text : outcome.thrown) CHECK(text == "rank 2 is missing, and training cannot go on without");
}

TEST_CASE("watchdog: beside a process that is gone, a rank that still computes is not blamed") {
  Scene scene;
  scene.limits = short_limits(100);
  scene.process = [](int rank) { return rank == 2 ? ProcessState::gone : ProcessState::running; };
  std::atomic<int> ended = 0;
  const Outcome outcome = play(scene, [&](Communicators& groups, Watchdog* watchdog) {
    if (groups.world->rank() == 0 || groups.world->rank() == 3) {
      try {
        all_reduce(*groups.world);
      } catch (const Error&) {
        ++ended;
        throw;
      }
    }
    for (const auto start = Clock::now(); ended < 2 && Clock::now() - start < std::chrono::seconds(20);) {
      if (groups.world->rank() == 1) watchdog->record()->check();
      sleep(0.01);
    }
  });
  for (int rank : {0, 3}) CHECK(outcome.thrown[static_cast<std::size_t>(rank)].starts_with("rank 2 is missing from all_reduce 5 on world"));
  CHECK(outcome.said.size() >= 3);
  for (const std::string& line : outcome.said) CHECK_FALSE(has(line, "rank 1 is alive"));
}

TEST_CASE("watchdog: who was stopped and finds others gone was missing itself, and blames nobody") {
  Scene scene;
  scene.ranks = 2;
  scene.limits = short_limits(100);
  std::atomic<bool> woken = false;
  scene.process = [&](int rank) {  // of rank 0 only the watchdog of rank 1 asks; its thread sleeps as if it were stopped
    if (rank == 0 && woken) return ProcessState::gone;
    if (rank == 0) sleep(1.3);
    woken = woken || rank == 0;
    return ProcessState::running;
  };
  const Outcome outcome = play(scene, [&](Communicators&, Watchdog* watchdog) {
    for (const auto start = Clock::now(); Clock::now() - start < std::chrono::seconds(20); sleep(0.01)) watchdog->record()->check();
  });
  for (const std::string& text : outcome.thrown)
    CHECK((text.starts_with("this process was stopped for 1.") && text.ends_with(" s, and rank 0 ended meanwhile")));
}

TEST_CASE("watchdog: a rank that fails alone ends all with its code, wherever they wait") {
  std::mutex mutex;
  std::vector<ExitCode> codes;
  const Outcome outcome = play({}, [&](Communicators& groups, Watchdog* watchdog) {
    const auto note = [&](const Error& error) {
      const std::lock_guard lock(mutex);
      codes.push_back(error.code());
    };
    if (groups.world->rank() == 1) {
      watchdog->fail(Error("a block is damaged", "tokens.h5", "use another copy", ExitCode::data));
      try {
        watchdog->record()->check();
      } catch (const Error& error) {
        note(error);
      }
      return;
    }
    try {
      all_reduce(groups.world->rank() == 0 ? *groups.tp : *groups.world);
    } catch (const Error& error) {
      note(error);
    }
  });
  CHECK((codes == std::vector<ExitCode>(4, ExitCode::data)));
  CHECK(outcome.said.empty());  // whoever fails has said it
  for (int rank : {0, 1, 2, 3})
    CHECK(has(outcome.folder->read("rank_0000" + std::to_string(rank) + ".json"), "tokens.h5: a block is damaged"));
}

TEST_CASE("watchdog: what breaks the backend's operations is called and not waited for without end") {
  for (const bool hangs : {false, true}) {
    static std::atomic<int> called;
    called = 0;
    Scene scene;
    scene.ranks = 2;
    scene.limits.gather = {0.5};
    scene.on_abort = [hangs] {
      ++called;
      if (hangs) sleep(5);
    };
    std::atomic<int> ended = 0;
    const auto start = Clock::now();
    const Outcome outcome = play(scene, [&](Communicators& groups, Watchdog*) { meet_without_rank_one(groups, ended); });
    CHECK(called == 2);
    CHECK(Clock::now() - start < std::chrono::seconds(10));
    CHECK(outcome.thrown[0].starts_with("rank 1 is missing"));
  }
}

TEST_CASE("watchdog: a disk that takes no record does not keep a rank from ending") {
  std::atomic<int> ended = 0;
  const Outcome outcome = play(
      {}, [&](Communicators& groups, Watchdog*) { meet_without_rank_one(groups, ended); },
      /*full_disk=*/true);
  CHECK(outcome.thrown[0].starts_with("rank 1 is missing"));
  CHECK(has(nlohmann::json(outcome.said).dump(), "the flight record was not written: rank_0000"));
}

}  // namespace ergon
