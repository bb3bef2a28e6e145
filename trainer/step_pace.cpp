// SPDX-License-Identifier: Apache-2.0
#include "trainer/step_pace.hpp"

namespace ergon {

void StepPace::add(Seconds step, Seconds waited) {
  if (recent_.size() == window) recent_.erase(recent_.begin());
  recent_.push_back({step.value, waited.value});
}

StepPace::Step StepPace::sum() const {
  Step sum = {0, 0};
  for (const Step& step : recent_) {
    sum.seconds += step.seconds;
    sum.waited += step.waited;
  }
  return sum;
}

double StepPace::steps_per_second() const { return static_cast<double>(recent_.size()) / sum().seconds; }

double StepPace::wait_share() const {
  const Step all = sum();
  return all.waited / all.seconds;
}

}  // namespace ergon
