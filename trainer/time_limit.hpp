// SPDX-License-Identifier: Apache-2.0
// The end of the time that a scheduler gave this run: when to save and leave, so that the save is done before it.
#pragma once

#include <chrono>
#include <optional>

#include "configs/quantities.hpp"

namespace ergon {

class TimeLimit {
 public:
  using WallClock = std::chrono::system_clock;

  // end: empty for a run that may go on.
  explicit TimeLimit(std::optional<WallClock::time_point> end) : end_(end) {}

  void step_took(Seconds seconds);
  void save_took(Seconds seconds);
  void evaluation_took(Seconds seconds);

  // Whether a step that begins now could leave too little time for a save. Allows for two saves as long as the longest so far, or for 30 s
  // before there was one, two steps as long as the longest of late, 5 s for the end of the ranks, and, where an evaluation comes before
  // that step, one as long as the longest so far.
  bool near(WallClock::time_point now, bool evaluation_comes) const;

 private:
  std::optional<WallClock::time_point> end_;
  Seconds save_ = {0}, evaluation_ = {0}, step_ = {0};
};

}  // namespace ergon
