// SPDX-License-Identifier: Apache-2.0
// Attention written down once more, densely, in fp64, with gradients by autograd: what every kernel is compared with. It shares no code
// with the kernels but the dropout factor, which has its own golden test.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "parallel/local_attention.hpp"
#include "tests/trainer/kernels/kernel_inputs.hpp"

namespace ergon::test {

struct AttentionCase {
  std::string name;
  std::int64_t batch = 2, heads = 4, kv_heads = 4, width = 8;
  BlockMask mask;
  AttentionDropout dropout{};
  double logits = 1.0;  // scores are multiplied by this
};

struct AttentionData {
  at::Tensor q, k, v, dout;  // fp64, N(0, 1)
  double scale;
};
AttentionData attention_data(const AttentionCase& c, std::int64_t seed = 1);
AttentionData rounded_to_bfloat16(const AttentionData& data);  // values, still in fp64

struct AttentionAnswer {
  at::Tensor out, lse, delta, dq, dk, dv;  // fp64
};
AttentionAnswer oracle(const AttentionCase& c, const AttentionData& data);

// Forward and backward of a kernel; the inputs are cast to dtype, the backward is given lse, out and delta of `global`.
struct KernelAnswer {
  AttentionAnswer answer;
  AttentionWork forward, backward;
};
KernelAnswer run_kernel(const LocalAttention& kernel, const AttentionCase& c, const AttentionData& data, const AttentionAnswer& global,
                        at::ScalarType dtype);

double worst(const AttentionAnswer& a, const AttentionAnswer& b);  // over all five results
// A kernel in bfloat16: results in float within twice the error of the plain kernel in float on the same values, and, rounded, within 1.3
// times what one rounding costs.
void check_bfloat16(const LocalAttention& kernel);

// Causal, full, windows, documents, strides, cross blocks; heads 4/4, 8/2, 8/1; odd lengths; logits x1 and x8; with and without dropout.
std::vector<AttentionCase> all_cases();
}  // namespace ergon::test
