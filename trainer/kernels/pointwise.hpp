// SPDX-License-Identifier: Apache-2.0
// The few elementwise helpers that layers and the loop need. Contiguous tensors of one dtype (float, double or bfloat16: computed in its
// accumulator type, rounded once), made by the caller; outputs may be inputs.
#pragma once

#include <ATen/core/Tensor.h>

namespace ergon {

void add(const at::Tensor& y, const at::Tensor& a, const at::Tensor& b);  // y = a + b
void add_bias(const at::Tensor& x_RN, const at::Tensor& bias_N);          // x += bias, every row
void scale(const at::Tensor& x, double factor);
void zero(const at::Tensor& x);                       // any dtype
void copy(const at::Tensor& y, const at::Tensor& x);  // any dtypes, rounded to nearest even; x may be strided, same sizes

// Sum of squares, added in fp64 over fixed blocks in order: the same on any number of threads.
double squared_sum(const at::Tensor& x);
bool all_finite(const at::Tensor& x);

}  // namespace ergon
