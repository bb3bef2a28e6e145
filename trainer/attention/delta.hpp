// SPDX-License-Identifier: Apache-2.0
// delta[b, h, t] = sum over the head width of dout * out, both global: what the backward of an attention block needs beside the log-sum-exp
// (parallel/local_attention.hpp). Contiguous; dout and out have one dtype (float, double or bfloat16), delta its accumulator type; added in
// fp64.
#pragma once

#include <ATen/core/Tensor.h>

namespace ergon {

void attention_delta(const at::Tensor& delta_BHT, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ);

}  // namespace ergon
