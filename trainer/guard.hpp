// SPDX-License-Identifier: Apache-2.0
// What to do about a loss or gradient that is not finite: the update of that step is skipped on all ranks (they have agreed), and a run of
// such steps ends the training, because parameters that produce them do not heal.
#pragma once

#include <cstdint>

namespace ergon {

class NonFiniteGuard {
 public:
  static constexpr int limit = 10;  // skipped steps in a row

  // Says whether training must stop after this step.
  bool must_stop(bool skipped) {
    in_a_row_ = skipped ? in_a_row_ + 1 : 0;
    total_ += skipped ? 1 : 0;
    return in_a_row_ >= limit;
  }
  int in_a_row() const { return in_a_row_; }
  std::int64_t total() const { return total_; }
  // From a checkpoint, so that a resumed run counts on.
  void restore(int in_a_row, std::int64_t total) {
    in_a_row_ = in_a_row;
    total_ = total;
  }

 private:
  int in_a_row_ = 0;
  std::int64_t total_ = 0;
};

}  // namespace ergon
