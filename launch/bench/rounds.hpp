// SPDX-License-Identifier: Apache-2.0
// What several ranks do together, timed: cases take turns, so that slow moments of the machine meet all of them, and each starts when every
// rank is there.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <span>
#include <vector>

#include "parallel/communicator.hpp"

namespace ergon {

double median(std::vector<double> values);

// Does a case once on this rank and fills in its figures: seconds, as a rule.
using TimedCase = std::function<void(std::span<double> figures)>;

class RoundFigures {
 public:
  // Collective over `world`; a round that is not counted comes first. Every rank has all figures.
  RoundFigures(Communicator& world, const std::vector<TimedCase>& cases, std::int64_t figures, std::int64_t rounds);

  // Median over the rounds of the slowest rank's, of the mean over ranks, of this figure.
  double slowest(std::size_t of_case, std::int64_t figure) const;
  double mean(std::size_t of_case, std::int64_t figure) const;

 private:
  at::Tensor values_;  // [rank, round, case, figure], double
};

}  // namespace ergon
