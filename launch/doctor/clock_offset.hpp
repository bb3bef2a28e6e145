// SPDX-License-Identifier: Apache-2.0
// How far the clocks of the ranks' machines are apart: messages there and back, each answered with the other's time. The answer was given
// somewhere between sending and receiving, so the middle is off by half of the round trip at most; the shortest round trip decides.
#pragma once

#include <functional>
#include <vector>

#include "configs/quantities.hpp"
#include "parallel/communicator.hpp"

namespace ergon {

// Seconds since 1970: sent and received by our clock, answered by the other's.
struct RoundTrip {
  Seconds sent, answered, received;
};

struct ClockReading {
  Seconds ahead = {0};  // of rank 0's clock
  Seconds bound = {0};  // that is off by this at most

  bool operator==(const ClockReading&) const = default;
};

// Of one round trip at least.
ClockReading clock_reading(const std::vector<RoundTrip>& trips);

using WallClock = std::function<Seconds()>;
Seconds wall_clock();

// Collective. Every rank's clock against rank 0's, in rank order, on rank 0; empty on the others.
std::vector<ClockReading> compare_clocks(Communicator& world, int rounds, const WallClock& now = wall_clock);

}  // namespace ergon
