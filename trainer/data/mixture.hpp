// SPDX-License-Identifier: Apache-2.0
// Which source gives the next sample, by integer weights and without rounding: of n samples no source has ever given a whole sample more
// than its share n * w_i / W (W the sum of the weights), and of W samples each has given w_i.
//
// The rule: of all sources the one that is furthest behind, the first of equals. With n samples given, c_i of them by source i, the next
// comes from the source with the largest w_i * (n + 1) - c_i * W. The state is one integer a source, credit_i = w_i * n - c_i * W: it lies
// above -W, and all credits are 0 again after every round of W samples. Example: weights 3 and 1 give 0 0 1 0, then again.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ergon {

class Mixture {
 public:
  static constexpr std::int64_t largest_weight = std::int64_t{1} << 31;
  // Weights from 0 to the largest, not all 0; credits of an earlier Mixture of the same weights, or none: the start of a round. At a
  // round's start no weight of the past counts.
  explicit Mixture(std::vector<std::int64_t> weights, std::vector<std::int64_t> credits = {});

  int next();
  // As `count` calls of next(); adds to given[i] how many of them came from source i. Whole rounds take no time.
  void advance(std::int64_t count, std::span<std::int64_t> given);

  const std::vector<std::int64_t>& weights() const { return weights_; }
  std::int64_t total() const { return total_; }  // W
  const std::vector<std::int64_t>& credits() const { return credits_; }

  // Whether a Mixture of these weights can have these credits.
  static bool possible(std::span<const std::int64_t> weights, std::span<const std::int64_t> credits);

 private:
  std::vector<std::int64_t> weights_, credits_;
  std::int64_t total_;
};

}  // namespace ergon
