// SPDX-License-Identifier: Apache-2.0
// A whole tensor that is read when it is asked for. Models pass from one format to another as lists of these, one tensor at a time, so
// memory holds one tensor and not a model.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "parallel/plan/shard_box.hpp"

namespace ergon {

struct LazyTensor {
  std::string name;
  at::ScalarType dtype = at::ScalarType::Float;
  Extents shape;
  std::function<at::Tensor()> read;  // of this dtype and shape, contiguous, in main memory; throws as its source does
};
using LazyTensors = std::vector<LazyTensor>;

// Null when there is none of this name.
const LazyTensor* find(const LazyTensors& tensors, const std::string& name);
std::int64_t bytes_of(const LazyTensor& tensor);
// The same values in another type, rounded where it is narrower.
LazyTensor converted(LazyTensor tensor, at::ScalarType dtype);
// What read() returns, after a check that it is what it says it is (Bug).
at::Tensor value_of(const LazyTensor& tensor);

}  // namespace ergon
