// SPDX-License-Identifier: Apache-2.0
// What the kernel says of a process in /proc/PID/stat.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ergon {

struct ProcessStat {
  char state = '?';        // R, S, D, T, t, Z, X
  std::int64_t ticks = 0;  // of processors, in user and system mode; sysconf(_SC_CLK_TCK) a second
  std::int64_t start = 0;  // ticks after boot
  std::int64_t resident_pages = 0;
};

// Of /proc/PID/stat as text; empty when it is none.
std::optional<ProcessStat> parse_process_stat(const std::string& text);
// folder: /proc/PID. Empty when there is no such process, or it may not be looked at.
std::optional<ProcessStat> read_process_stat(const std::string& folder);

inline bool is_dead(const ProcessStat& stat) { return stat.state == 'Z' || stat.state == 'X'; }
inline bool is_stopped(const ProcessStat& stat) { return stat.state == 'T' || stat.state == 't'; }

}  // namespace ergon
