// SPDX-License-Identifier: Apache-2.0
// Real processes: they race, are stopped, are killed.
#include "trainer/run_lock.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>

#include "configs/error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/storage_link.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::read_file;
using test::TemporaryFolder;
using test::write_file;

namespace {

constexpr LockTiming quick{{0.02}, {0.3}, {0.005}, {0.1}};
constexpr LockTiming patient{{0.02}, {30}, {0.005}, {100}};

// A lock as a process left it.
std::string left_by(const ProcessIdentity& process, int attempt, const std::string& token = "t") {
  return fmt::format(R"({{"schema": "ergon.lock.v1", "token": "{}", "attempt": {}, "host": "{}", "boot": "{}", "pid_namespace": "{}", )"
                     R"("pid": {}, "start": {}, "job": "", "since": "then", "counter":            5}})",
                     token, attempt, process.host, process.boot, process.pid_namespace, process.pid, process.start);
}

ProcessIdentity dead() {
  ProcessIdentity process = this_process();
  process.start -= 1;  // our pid, but an earlier process
  return process;
}

ProcessIdentity on_another_machine() {
  ProcessIdentity process = dead();
  process.host = "elsewhere";
  process.boot = "00000000-0000-0000-0000-000000000000";
  return process;
}

std::vector<std::string> locks(const TemporaryFolder& run) {
  std::vector<std::string> names;
  for (const std::string& name : Storage().list(run.path()))
    if (name.rfind("lock", 0) == 0) names.push_back(name);
  return names;
}

using Names = std::vector<std::string>;

std::string refusal(const TemporaryFolder& run, LockTiming timing = quick) {
  Storage storage;
  try {
    const RunLock lock(storage, run.path(), timing);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    return error.what();
  }
  return "taken";
}

// What decides a race is link and mkdir; the disk may take its time elsewhere.
struct Unsynced : Storage {
  void sync(const File&) override {}
  void sync_directory(const std::string&) override {}
};

// A process that does `work` and exits with what it returns.
class Process {
 public:
  template <typename Work>
  explicit Process(Work work) : pid_(::fork()) {
    if (pid_ == 0) ::_exit(work());
  }
  ~Process() {
    if (pid_ > 0) wait(SIGKILL);
  }
  pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }
  void wait_until_stopped() const {
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED);
  }
  int wait(int number = 0) {
    if (number != 0) signal(number);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

template <typename Condition>
void wait_for(Condition condition) {
  for (int i = 0; i < 4000 && !condition(); ++i) ::usleep(5000);
  REQUIRE(condition());
}

// Takes the lock, then asks every millisecond until it is lost; 3 then, 4 when it was refused.
int own_until_lost(const std::string& folder) {
  Storage storage;
  try {
    const RunLock lock(storage, folder, quick);
    while (true) {
      try {
        lock.check();
      } catch (const Error& error) {
        return static_cast<int>(error.code());
      }
      ::usleep(1000);
    }
  } catch (const Error&) {
    return 4;
  }
}

}  // namespace

TEST_CASE("taking the lock claims the next attempt, giving it back leaves the number spent") {
  const TemporaryFolder run;
  Storage storage;
  for (int attempt = 1; attempt <= 3; ++attempt) {
    const RunLock lock(storage, run / "new/run", quick);
    CHECK(lock.attempt() == attempt);
    CHECK(storage.exists(fmt::format("{}/attempts/a{:04}", run / "new/run", attempt)));
    const std::string text = read_file(fmt::format("{}/lock.a{:04}", run / "new/run", attempt));
    CHECK_THAT(text, Catch::Contains(fmt::format("\"pid\": {}", ::getpid())) && Catch::Contains("\"schema\": \"ergon.lock.v1\""));
    lock.check();
    lock.check_lately();
  }
  CHECK(storage.list(run / "new/run") == Names{"attempts"});
}

TEST_CASE("the owner counts, and is refused with host, pid, since when and the way out") {
  const TemporaryFolder run;
  Storage storage;
  const RunLock lock(storage, run.path(), quick);
  const std::string before = read_file(run / "lock.a0001");
  const std::string text = refusal(run, patient);
  const ProcessIdentity self = this_process();
  CHECK_THAT(text, Catch::Contains("another process is training in this folder (host " + self.host + ", pid " + std::to_string(self.pid)) &&
                       Catch::Contains(", since 2") && Catch::Contains("kill -USR1") && Catch::Contains("--fresh") &&
                       Catch::Contains("lock.a0001"));
  const std::string after = read_file(run / "lock.a0001");
  CHECK(before.size() == after.size());
  CHECK(before != after);
  CHECK(locks(run) == Names{"lock.a0001"});
  lock.check();
}

TEST_CASE("of processes that try at once exactly one wins, round after round") {
  constexpr int rounds = 300, racers = 4;
  struct Shared {
    std::atomic<int> arrived[2 * rounds], won[rounds];
  };
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  auto* shared = new (memory) Shared();
  const TemporaryFolder run;
  Unsynced storage;
  for (int round = 0; round < rounds; ++round) {
    const std::string folder = run / std::to_string(round);
    storage.make_directories(folder + "/attempts");
    // Nothing; what a killed owner left; what is left of two takers, the second killed before it claimed its number.
    if (round % 3 != 0) write_file(folder + "/lock.a0001", left_by(dead(), 1));
    if (round % 3 != 0) claim_attempt(storage, folder, 1);
    if (round % 3 == 2) write_file(folder + "/lock.a0002", left_by(dead(), 2));
  }
  const auto meet = [&](int at) {
    ++shared->arrived[at];
    while (shared->arrived[at] < racers) ::usleep(50);
  };
  {
    std::vector<std::unique_ptr<Process>> processes;
    for (int racer = 0; racer < racers; ++racer) {
      processes.push_back(std::make_unique<Process>([&] {
        for (int round = 0; round < rounds; ++round) {
          std::unique_ptr<RunLock> lock;
          meet(2 * round);
          try {
            lock = std::make_unique<RunLock>(storage, run / std::to_string(round), LockTiming{{0.003}, {30}, {0.001}, {100}});
            ++shared->won[round];
          } catch (const Error&) {
          }
          meet(2 * round + 1);
          if (lock) lock->check();
        }
        return 0;
      }));
    }
    for (const auto& process : processes) CHECK(process->wait() == 0);
  }
  int wrong = 0;
  for (int round = 0; round < rounds; ++round) wrong += shared->won[round] == 1 ? 0 : 1;
  CHECK(wrong == 0);
  CHECK(newest_attempt(storage, run / "0") == 1);
  CHECK(newest_attempt(storage, run / "1") == 2);
  CHECK(newest_attempt(storage, run / "2") == 3);
  ::munmap(memory, sizeof(Shared));
}

TEST_CASE("an owner goes on to the next attempt without giving the run up, unless somebody has taken it") {
  const TemporaryFolder run;
  Storage storage;
  {
    RunLock lock(storage, run.path(), quick);
    CHECK(lock.advance() == 2);
    CHECK(lock.attempt() == 2);
    CHECK(locks(run) == Names{"lock.a0002"});
    CHECK(storage.exists(run / "attempts/a0002"));
    lock.check();
    const std::string before = read_file(run / "lock.a0002");
    wait_for([&] { return read_file(run / "lock.a0002") != before; });  // it counts in the new file
    CHECK_THAT(refusal(run, patient), Catch::Contains("another process is training in this folder"));
    claim_attempt(storage, run.path(), 3);
    CHECK_THROWS_AS(lock.advance(), Error);
    CHECK_FALSE(storage.exists(run / "lock.a0003"));
  }
  CHECK(newest_attempt(storage, run.path()) == 3);
}

TEST_CASE("what a killed owner leaves is taken at once") {
  const TemporaryFolder run;
  Storage storage;
  Process owner([&] { return own_until_lost(run.path()); });
  wait_for([&] { return storage.exists(run / "attempts/a0001"); });
  CHECK(owner.wait(SIGKILL) == 128 + SIGKILL);
  CHECK(locks(run) == Names{"lock.a0001"});
  int told = 0;
  const RunLock lock(storage, run.path(), patient, [&](const std::string&) { ++told; });
  CHECK(lock.attempt() == 2);
  CHECK(told == 0);
  CHECK(locks(run) == Names{"lock.a0002"});
}

TEST_CASE("a stopped owner is taken over in time, and stops with 3 when it wakes up") {
  const TemporaryFolder run;
  Storage storage;
  Process owner([&] { return own_until_lost(run.path()); });
  // Once it counts, it has the lock and is no longer on its way to it.
  wait_for(
      [&] { return storage.exists(run / "attempts/a0001") && storage.read_text(run / "lock.a0001").find(" 0\n}") == std::string::npos; });
  owner.signal(SIGSTOP);
  owner.wait_until_stopped();
  std::vector<std::string> told;
  const auto start = std::chrono::steady_clock::now();
  const RunLock lock(storage, run.path(), quick, [&](const std::string& line) { told.push_back(line); });
  CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() >= quick.stale.value);
  CHECK(lock.attempt() == 2);
  REQUIRE(told.size() >= 2);
  CHECK_THAT(told.back(),
             Catch::Contains("waiting for the owner of " + run.path()) && Catch::Contains("pid " + std::to_string(owner.pid())));
  owner.signal(SIGCONT);
  CHECK(owner.wait() == static_cast<int>(ExitCode::data));
  CHECK(locks(run) == Names{"lock.a0002"});
  lock.check();
  lock.check_lately();
}

TEST_CASE("an owner that was stopped is told who has its run, whether the other still trains or has ended") {
  const TemporaryFolder run;
  Storage storage;
  const RunLock lock(storage, run.path(), patient);
  const auto lost = [&] {
    try {
      lock.check();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("still ours");
  };
  CHECK(lost() == "still ours");
  lock.check_lately();
  claim_attempt(storage, run.path(), 2);
  lock.check_lately();  // looked a moment ago
  CHECK_THAT(lost(), Catch::Contains("attempt 1 no longer owns this run: attempt 2 has taken it"));
  write_file(run / "lock.a0002", left_by(on_another_machine(), 2));
  CHECK_THAT(lost(), Catch::Contains("(host elsewhere, pid "));
  storage.remove_directory(run / "attempts/a0002");
  CHECK(lost() != "still ours");
  storage.unlink(run / "lock.a0002");
  CHECK(lost() == "still ours");
  write_file(run / "lock.a0001", left_by(this_process(), 1, "another token"));
  CHECK(lost() != "still ours");
  storage.unlink(run / "lock.a0001");
  CHECK_THROWS_AS(lock.check_lately(), Error);
}

TEST_CASE("only time tells about another machine, another container, and a file that is no lock") {
  ProcessIdentity container = dead();
  container.pid_namespace = "pid:[1]";
  for (const std::string& text : {left_by(on_another_machine(), 1), left_by(container, 1), std::string("{\"torn"), std::string()}) {
    const TemporaryFolder run;
    Storage storage;
    write_file(run / "lock.a0001", text);
    const auto start = std::chrono::steady_clock::now();
    const RunLock lock(storage, run.path(), quick);
    CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() >= quick.stale.value);
    CHECK(lock.attempt() == 2);
    CHECK(locks(run) == Names{"lock.a0002"});
  }
}

TEST_CASE("takers that died on the way are no hindrance") {
  const TemporaryFolder run;
  Storage storage;
  // Killed between link and unlink, and before the attempt was claimed.
  write_file(run / "lock.tmp.t", left_by(dead(), 4));
  std::filesystem::create_hard_link(run / "lock.tmp.t", run / "lock.a0004");
  write_file(run / "lock.tmp.u", "");
  const RunLock lock(storage, run.path(), patient);
  CHECK(lock.attempt() == 5);
  CHECK(locks(run) == Names{"lock.a0005"});
}

TEST_CASE("a number that was spent since the look is not taken") {
  // Somebody else takes number 1 and gives it back between this taker's look and its link.
  struct Slow : Storage {
    File create(const std::string& path) override {
      if (first) {
        first = false;
        const RunLock quicker(*this, parent_folder(path), quick);
        CHECK(quicker.attempt() == 1);
      }
      return Storage::create(path);
    }
    bool first = true;
  };
  const TemporaryFolder run;
  Slow storage;
  const RunLock lock(storage, run.path(), quick);
  CHECK(lock.attempt() == 2);
  CHECK(locks(run) == Names{"lock.a0002"});
}

TEST_CASE("a link whose answer was lost counts") {
  const TemporaryFolder folder;
  Storage storage;
  const Storage::File file = storage.create(folder / "a");
  CHECK(link_file(file, folder / "b"));
  CHECK(link_file(file, folder / "b"));  // link(2) says EEXIST, but the file has two names
  const Storage::File other = storage.create(folder / "c");
  CHECK_FALSE(link_file(other, folder / "b"));
  storage.unlink(folder / "c");
  CHECK_FALSE(link_file(other, folder / "d"));
}
