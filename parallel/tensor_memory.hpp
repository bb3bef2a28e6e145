// SPDX-License-Identifier: Apache-2.0
// Where tensors of a step come from: memory that the trainer plans and takes back, and headers of views of it, each made once
// (trainer/arena.hpp), so that a steady step allocates none.
#pragma once

#include <ATen/core/Tensor.h>

namespace ergon {

class TensorMemory {
 public:
  virtual ~TensorMemory() = default;
  // Contiguous, uninitialised, valid until the owner takes it back.
  virtual at::Tensor take(at::IntArrayRef sizes, at::ScalarType dtype) = 0;
  // Of x, from its element `offset` on; at most four dims. x lies at the same place in every step, and is kept alive by somebody else.
  virtual at::Tensor strided(const at::Tensor& x, at::IntArrayRef sizes, at::IntArrayRef strides, std::int64_t offset) = 0;
};

}  // namespace ergon
