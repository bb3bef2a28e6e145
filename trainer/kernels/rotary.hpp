// SPDX-License-Identifier: Apache-2.0
// Rotary positions, half-split as in Hugging Face's Llama: feature i and feature i + Q/2 of a head are turned by the angle position *
// theta^(-2i/Q).
//
//   x'[i] = x[i] cos - x[i + Q/2] sin;   x'[i + Q/2] = x[i + Q/2] cos + x[i] sin,   0 <= i < Q/2
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ergon {

// cos and sin of every position below `sequence`, computed in double once, then rounded to dtype (float or double: the accumulator type of
// what it turns) and moved to the device. Head width must be even, else throws Error.
class RotaryTable {
 public:
  RotaryTable(std::int64_t sequence, std::int64_t head_width, double theta, at::ScalarType dtype, at::Device device = at::kCPU);
  const at::Tensor& cos_TC() const { return cos_; }  // C = Q/2
  const at::Tensor& sin_TC() const { return sin_; }

 private:
  at::Tensor cos_, sin_;
};

enum class Rotation { forward, inverse };  // the inverse turns back: it is the backward of forward

// In place; float, double or bfloat16, computed in the table's dtype and rounded once. The last dim of x is contiguous, the others may be
// strided (a slice of packed query, key, value rows). positions_BT: int64, global, contiguous.
void rotary_apply(const at::Tensor& x_BTHQ, const at::Tensor& positions_BT, const RotaryTable& table, Rotation rotation);

}  // namespace ergon
