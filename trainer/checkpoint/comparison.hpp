// SPDX-License-Identifier: Apache-2.0
// Two checkpoints, tensor by tensor: what is only in one, what has another shape or type, and how far values are apart.
#pragma once

#include <string>
#include <vector>

#include "trainer/checkpoint/lazy_tensor.hpp"

namespace ergon {

struct TensorDifference {
  enum class Kind { only_in_first, only_in_second, other_shape, other_dtype, other_values };
  std::string name;
  Kind kind = Kind::other_values;
  std::string first{}, second{};  // of other_shape and other_dtype: what each has
  // Of other_values. An element that is not a number in both is equal, in one it is infinitely far.
  std::int64_t elements = 0;  // that differ
  double absolute = 0;        // the largest distance
  double relative = 0;        // that, by the largest magnitude of the first tensor
};
// "only in the first", ...
const char* name(TensorDifference::Kind kind);

struct Comparison {
  std::int64_t tensors = 0;                   // in both
  std::vector<TensorDifference> differences;  // in order of the names; empty: equal to the bit, but for the bits of what is not a number
};

// Lists in order of the names. Zeros of both signs are equal.
Comparison compare_tensors(const LazyTensors& first, const LazyTensors& second);

}  // namespace ergon
