// SPDX-License-Identifier: Apache-2.0
// The time in which a process could have gone on: a thread that ticks every few milliseconds sees, by a tick that took long, that its
// process was stopped (SIGSTOP, a suspended machine), and does not count that time.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>

#include "configs/clock.hpp"

namespace ergon {

class AwakeClock {
 public:
  void tick() {
    const Clock::time_point now = Clock::now();
    const Seconds passed = since(last_, now);
    awake_ += std::min(passed, longest_tick);
    last_ = now;
    if (passed > long_stop) stop_ = passed;
  }
  Seconds now() const { return awake_; }
  // How long the process was stopped, once after each stop.
  std::optional<Seconds> take_stop() { return std::exchange(stop_, std::nullopt); }

 private:
  static constexpr Seconds longest_tick = {0.5};  // a longer one was no waiting
  static constexpr Seconds long_stop = {1};       // others may have drawn conclusions; a busy processor keeps nobody waiting for so long

  Clock::time_point last_ = Clock::now();
  Seconds awake_ = {0};
  std::optional<Seconds> stop_;
};

}  // namespace ergon
