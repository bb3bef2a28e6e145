// SPDX-License-Identifier: Apache-2.0
// A process as the others of its machine can find it: the kernel knows at once that one is gone or stopped, long before silence proves
// anything.
//
// Invariant: a process counts as gone only when its machine has not been started again since (boot id), its numbers are the ones we see
// (pid namespace), and no running process has its pid and start time. Anything else is "cannot tell", which is not gone.
#pragma once

#include <cstdint>
#include <string>

namespace ergon {

struct ProcessIdentity {
  std::string host;
  std::string boot;           // /proc/sys/kernel/random/boot_id
  std::string pid_namespace;  // what /proc/self/ns/pid points at
  std::int64_t pid = 0;
  std::int64_t start = 0;  // clock ticks after boot, field 22 of /proc/PID/stat: tells a process from a later one with its pid
  std::string job;         // of Slurm, PBS, LSF, Flux; empty outside a job
  bool operator==(const ProcessIdentity&) const = default;
};

ProcessIdentity this_process();

// unknown: it cannot be seen from here. A killed process that its parent has not waited for is gone.
enum class ProcessState { unknown, running, stopped, gone };
ProcessState state_of(const ProcessIdentity& process);
inline bool is_gone(const ProcessIdentity& process) { return state_of(process) == ProcessState::gone; }

// "host h1, pid 4711, job 99"
std::string to_text(const ProcessIdentity& process);

}  // namespace ergon
