// SPDX-License-Identifier: Apache-2.0
// Where tensors of a step come from: memory that the trainer plans and takes back (trainer/arena.hpp), so that a steady step allocates
// none.
#pragma once

#include <ATen/core/Tensor.h>

namespace ergon {

class TensorMemory {
 public:
  virtual ~TensorMemory() = default;
  // Contiguous, uninitialised, valid until the owner takes it back.
  virtual at::Tensor take(at::IntArrayRef sizes, at::ScalarType dtype) = 0;
};

}  // namespace ergon
