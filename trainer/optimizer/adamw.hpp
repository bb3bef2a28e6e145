// SPDX-License-Identifier: Apache-2.0
// AdamW (Loshchilov and Hutter 2019; bias-corrected as torch.optim.AdamW): one pass over flat ranges at the speed of memory.
//
//   g = gradient * gradient_scale;  p -= lr weight_decay p;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   p -= lr / (1 - beta1^step) * m / (sqrt(v / (1 - beta2^step)) + epsilon)
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ergon {

struct AdamW {
  double lr = 0.0, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0.0;
};

// Contiguous tensors of one size and dtype (float or double); step counts updates from 1. gradient_scale: the clip factor, usually 1.
// `weight`, where it is defined, is the bfloat16 copy that the model computes with: in the same pass it becomes `parameter` (float),
// rounded to nearest even.
void adamw_update(const at::Tensor& parameter, const at::Tensor& gradient, const at::Tensor& m, const at::Tensor& v, const AdamW& settings,
                  double gradient_scale, std::int64_t step, const at::Tensor& weight = {});

}  // namespace ergon
