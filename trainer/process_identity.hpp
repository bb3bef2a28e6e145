// SPDX-License-Identifier: Apache-2.0
// Which process wrote a file, so that another one can tell later, on the same machine, that it is gone.
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

// A killed process that its parent has not waited for is gone.
bool is_gone(const ProcessIdentity& process);

// "host h1, pid 4711, job 99"
std::string to_text(const ProcessIdentity& process);

}  // namespace ergon
