// SPDX-License-Identifier: Apache-2.0
// The end of a process that cannot write its record: seen from outside, because it is an end of the process.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "parallel/watchdog.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

using Clock = std::chrono::steady_clock;

// As on a network disk whose server is gone: what is written there neither fails nor ends.
class HangingFolder final : public FlightFolder {
 public:
  std::string path() const override { return "hanging"; }
  void write(const std::string&, const std::string&) override {
    for (;;) ::pause();
  }
  std::vector<std::string> names() override { return {}; }
  std::string read(const std::string&) override { return ""; }
};

// Rank 0 of two, in a process of its own whose other rank is gone, ends as a run does.
[[noreturn]] void end_beside_a_dead_rank(Seconds abort) {
  WatchdogLimits limits;
  limits.abort = abort;
  WatchdogHooks hooks;
  hooks.process = [](int) { return ProcessState::gone; };
  hooks.neighbours = {1};
  hooks.say = [](const Error&) {};
  hooks.end = [](const Error& error) { ::_exit(static_cast<int>(error.code())); };
  Watchdog watchdog(std::make_shared<FlightRecord>(0), 2, std::move(make_local_mail(2)[0]), limits, hooks);
  watchdog.write_to(std::make_shared<HangingFolder>());
  for (;;) ::pause();
}

}  // namespace

TEST_CASE("watchdog: a disk that neither takes nor refuses a record keeps no rank beyond the deadline of ending") {
  const auto start = Clock::now();
  const pid_t child = ::fork();
  if (child == 0) end_beside_a_dead_rank(/*abort=*/{0.5});
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(child, &status, WNOHANG)) == 0 && Clock::now() - start < std::chrono::seconds(6))
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::chrono::duration<double> seconds = Clock::now() - start;
  if (ended == 0) {
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
  }
  INFO("after " << seconds.count() << " s");
  CHECK(ended == child);  // half a second to be sure of the death, as long to ask, half a second to end, and time for a busy machine
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == static_cast<int>(ExitCode::stuck)));
  CHECK(seconds.count() > 0.5);  // the record has its chance
}

}  // namespace ergon
