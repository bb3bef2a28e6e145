// SPDX-License-Identifier: Apache-2.0
// The clock that durations are measured and waits are ended by, and Seconds as it has them.
#pragma once

#include <chrono>

#include "configs/quantities.hpp"

namespace ergon {

using Clock = std::chrono::steady_clock;

inline Seconds since(Clock::time_point start, Clock::time_point now = Clock::now()) {
  return {std::chrono::duration<double>(now - start).count()};
}

inline Clock::duration clock_ticks(Seconds seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds.value));
}

inline Clock::time_point deadline_after(Seconds seconds) { return Clock::now() + clock_ticks(seconds); }

}  // namespace ergon
