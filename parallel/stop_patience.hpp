// SPDX-License-Identifier: Apache-2.0
// How long a rank is waited for in a step once a stop was asked for. A rank that hangs must not keep the others past the moment at which
// the launcher kills them; one that computes, in a run whose steps take long, is not late before it takes longer than it ever did.
#pragma once

#include <algorithm>
#include <cstdint>

#include "configs/quantities.hpp"
#include "parallel/flight_record.hpp"

namespace ergon {

class StopPatience {
 public:
  // Where the rank is at `now`: again and again.
  void see(FlightPhase phase, std::int64_t step, Seconds now) {
    if (phase == phase_ && step == step_) return;
    if (phase_ == FlightPhase::step) longest_ = {std::max(longest_.value, now.value - since_.value)};
    phase_ = phase;
    step_ = step;
    since_ = now;
  }

  // `least`, or twice the longest step so far; `most` at most, and before the first step is over: nobody knows then.
  Seconds limit(Seconds least, Seconds most) const {
    return longest_.value == 0 ? most : Seconds{std::min(most.value, std::max(least.value, 2 * longest_.value))};
  }

 private:
  FlightPhase phase_ = FlightPhase::start;
  std::int64_t step_ = 0;
  Seconds since_ = {0}, longest_ = {0};
};

}  // namespace ergon
