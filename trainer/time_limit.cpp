// SPDX-License-Identifier: Apache-2.0
#include "trainer/time_limit.hpp"

#include <algorithm>

namespace ergon {

// A slow step is forgotten by and by: one that waited for a disk must not end the run minutes early for ever.
void TimeLimit::step_took(Seconds seconds) { step_ = std::max(seconds, Seconds{0.95 * step_.value}); }

void TimeLimit::save_took(Seconds seconds) { save_ = std::max(save_, seconds); }

void TimeLimit::evaluation_took(Seconds seconds) { evaluation_ = std::max(evaluation_, seconds); }

bool TimeLimit::near(WallClock::time_point now, bool evaluation_comes) const {
  if (!end_) return false;
  const double saves = save_.value > 0 ? 2 * save_.value : 30;
  const std::chrono::duration<double> left = *end_ - now;
  return left.count() < saves + 2 * step_.value + (evaluation_comes ? evaluation_.value : 0) + 5;
}

}  // namespace ergon
