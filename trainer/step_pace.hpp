// SPDX-License-Identifier: Apache-2.0
// How fast a run is of late: over its last 20 steps.
#pragma once

#include <vector>

#include "configs/quantities.hpp"

namespace ergon {

class StepPace {
 public:
  StepPace() { recent_.reserve(window); }
  void add(Seconds step, Seconds waited);  // the whole step; of it, for data
  // Of at least one step.
  double steps_per_second() const;
  double wait_share() const;  // of the time

 private:
  static constexpr std::size_t window = 20;
  struct Step {
    double seconds, waited;
  };
  Step sum() const;
  std::vector<Step> recent_;
};

}  // namespace ergon
