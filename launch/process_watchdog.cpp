// SPDX-License-Identifier: Apache-2.0
#include "launch/process_watchdog.hpp"

#include <unistd.h>

#include <cstdio>

#include "launch/failure.hpp"
#include "launch/signals.hpp"

namespace ergon {

std::unique_ptr<Watchdog> start_watchdog(Communicator& world) {
  if (world.size() == 1) return nullptr;
  const auto record = std::make_shared<FlightRecord>(world.rank());
  world.record(record);
  const auto neighbours = std::make_shared<Neighbours>(world);
  WatchdogHooks hooks;
  hooks.stop_asked = [] { return pending_stop() != StopRequest::none; };
  hooks.neighbours = neighbours->ranks();
  hooks.process = [neighbours](int rank) { return neighbours->state(rank); };
  hooks.say = [](const Error& error) { fmt::print(stderr, "ergon: error: {}\n", error.what()); };
  // No destructor and no exit handler may run: the compute thread still works with what they would take away.
  hooks.end = [](const Error& error) { _exit(static_cast<int>(error.code())); };
  return std::make_unique<Watchdog>(record, world.size(), make_mpi_mail(), WatchdogLimits{}, std::move(hooks));
}

void end_together(Watchdog* watchdog) {
  if (watchdog == nullptr) return;
  const FailureReport failure = describe_failure(std::current_exception());
  std::fflush(stdout);
  std::fputs(failure.text.c_str(), stderr);
  std::fflush(stderr);
  const std::string prefix = "ergon: error: ";
  watchdog->fail(
      Error(failure.text.substr(prefix.size(), failure.text.find('\n') - prefix.size()), "", "", static_cast<ExitCode>(failure.code)));
}

WatchdogLimits limits_of(const WatchdogSection& section) {
  WatchdogLimits limits;
  limits.start = section.start;
  limits.step = section.step;
  limits.checkpoint = section.checkpoint;
  limits.abort = section.abort;
  return limits;
}

}  // namespace ergon
