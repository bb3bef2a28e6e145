// SPDX-License-Identifier: Apache-2.0
// Losses that are what a test wants them to be: in an executable that links ergon_filtered_loss (tests/cmake/ergon_test.cmake) the layers'
// calls of cross_entropy_loss come by here.
#pragma once

#include <functional>

namespace ergon::test {

// Gets the loss of every microbatch, on the thread that computes it, and says what it is instead. For the scope.
class FilteredLoss {
 public:
  explicit FilteredLoss(std::function<double(double loss)> filter);
  FilteredLoss(const FilteredLoss&) = delete;
  FilteredLoss& operator=(const FilteredLoss&) = delete;
  ~FilteredLoss();
};

}  // namespace ergon::test
