// SPDX-License-Identifier: Apache-2.0
// Whether a loss leaps out of line: how many standard deviations it lies above the mean of the losses of the newest steps. Kept in every
// checkpoint, so that a resumed run judges as an uninterrupted one does.
//
// Example: of the window 2.0 2.2 1.8 2.0 the mean is 2.0 and the deviation 0.1414: with spike = 5 a loss above 2.707 leaps.
#pragma once

#include <cstdint>
#include <vector>

namespace ergon {

class LossWindow {
 public:
  // spike: standard deviations; 0: no loss leaps, and none is kept. steps: of a full window, at least 2.
  LossWindow(double spike, std::int64_t steps) : spike_(spike), steps_(static_cast<std::size_t>(steps)) {}

  // False while the window is not full: the first losses of a run fall fast, and say nothing of chance.
  bool leaps(double loss) const;
  // Of a step that was judged; a leap too, or a run whose losses have risen for good would leap for ever. What is not finite is not kept.
  void add(double loss);

  const std::vector<double>& losses() const { return losses_; }  // oldest first
  void restore(std::vector<double> losses);                      // the newest that fit

 private:
  double spike_;
  std::size_t steps_;
  std::vector<double> losses_;
};

}  // namespace ergon
