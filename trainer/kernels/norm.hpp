// SPDX-License-Identifier: Apache-2.0
// LayerNorm and RMSNorm over the last dim, forward and both halves of backward. R rows = product of the leading dims, D the last one.
//
//   layernorm: y = (x - mean) rstd w + b,  rstd = 1 / sqrt(var + epsilon), var = mean of squares about the mean
//   rmsnorm:   y = x rstd w,               rstd = 1 / sqrt(mean(x^2) + epsilon)
//
// Tensors are contiguous, made by the caller; y may be x. x, y, dx, dy, weight and bias have one dtype (float, double or bfloat16); mean,
// rstd and the gradients of weight and bias its accumulator type, in which everything is computed. Results do not depend on the number of
// threads.
#pragma once

#include <ATen/core/Tensor.h>

#include "trainer/kernels/gemm.hpp"

namespace ergon {

// bias_D may be undefined. mean_R and rstd_R are what backward needs beside x.
void layernorm_forward(const at::Tensor& y_RD, const at::Tensor& mean_R, const at::Tensor& rstd_R, const at::Tensor& x_RD,
                       const at::Tensor& weight_D, const at::Tensor& bias_D, double epsilon);
// Write::accumulate adds to dx: the gradient of the residual stream that passes by the norm.
void layernorm_backward_input(const at::Tensor& dx_RD, const at::Tensor& dy_RD, const at::Tensor& x_RD, const at::Tensor& mean_R,
                              const at::Tensor& rstd_R, const at::Tensor& weight_D, Write write);
// dbias_D may be undefined.
void layernorm_backward_weight(const at::Tensor& dweight_D, const at::Tensor& dbias_D, const at::Tensor& dy_RD, const at::Tensor& x_RD,
                               const at::Tensor& mean_R, const at::Tensor& rstd_R, Write write);

void rmsnorm_forward(const at::Tensor& y_RD, const at::Tensor& rstd_R, const at::Tensor& x_RD, const at::Tensor& weight_D, double epsilon);
void rmsnorm_backward_input(const at::Tensor& dx_RD, const at::Tensor& dy_RD, const at::Tensor& x_RD, const at::Tensor& rstd_R,
                            const at::Tensor& weight_D, Write write);
void rmsnorm_backward_weight(const at::Tensor& dweight_D, const at::Tensor& dy_RD, const at::Tensor& x_RD, const at::Tensor& rstd_R,
                             Write write);

}  // namespace ergon
