// SPDX-License-Identifier: Apache-2.0
// GELU (tanh form) and SwiGLU, with the bias of the linear layer before them fused in. R rows = product of the leading dims, F feed-forward
// width.
//
//   gelu(z) = z/2 (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))),  z = x + bias
//   swiglu:   y = silu(gate) up,  silu(z) = z / (1 + exp(-z)); gate = columns [0, F), up = columns [F, 2F) of one packed row, each plus its
//   bias
//
// Tensors are contiguous, one dtype (float, double or bfloat16; a bias gradient: its accumulator type), made by the caller. Computed in the
// accumulator type, rounded once. bias may be undefined. y may be x, and dx may be dy (gelu).
#pragma once

#include <ATen/core/Tensor.h>

#include "trainer/kernels/gemm.hpp"

namespace ergon {

void gelu_forward(const at::Tensor& y_RF, const at::Tensor& x_RF, const at::Tensor& bias_F);
void gelu_backward(const at::Tensor& dx_RF, const at::Tensor& dy_RF, const at::Tensor& x_RF, const at::Tensor& bias_F);

// packed: [R, 2F], bias: [2F].
void swiglu_forward(const at::Tensor& y_RF, const at::Tensor& packed, const at::Tensor& bias);
// dpacked may be packed.
void swiglu_backward(const at::Tensor& dpacked, const at::Tensor& dy_RF, const at::Tensor& packed, const at::Tensor& bias);

// The gradient of a bias: dbias[n] = sum of dy[r, n] over the rows. Does not depend on the number of threads.
void column_sum(const at::Tensor& dbias_N, const at::Tensor& dy_RN, Write write);

}  // namespace ergon
