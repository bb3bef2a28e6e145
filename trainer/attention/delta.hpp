// SPDX-License-Identifier: Apache-2.0
// delta[b, h, t] = sum over the head width of dout * out, both global: what the backward of an attention block needs beside the log-sum-exp
// (parallel/local_attention.hpp). Contiguous; dout in float, double or bfloat16, out and delta in its accumulator type: delta is what
// cancels against dout v^T, and with out rounded to bfloat16 the gradients of keys lose their digits. Added in fp64.
#pragma once

#include <ATen/core/Tensor.h>

namespace ergon {

void attention_delta(const at::Tensor& delta_BHT, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ);

}  // namespace ergon
