// SPDX-License-Identifier: Apache-2.0
// Attention over two disjoint sets of keys, made one: the log-sum-exp merge.
//
//   out -= sigmoid(lse_b - lse) (out - out_b);  lse = log(exp(lse) + exp(lse_b))
//
// Neither form overflows. A row that sees no key has lse = -inf and out = 0; two such rows stay one. Log-sum-exps are merged in double
// whatever the type of out: in float each merge would round them once more (by 1e-6 where scores reach 30), which shows in the gradients.
#pragma once

#include "parallel/context_parallel/views.hpp"

namespace ergon {

// out_BTHQ, lse_BHT: one set, and then both; block_*: the other. block_out is used up. difference_BHT (double) and weight_BHT (type of out)
// are scratch; they may be one tensor where out is double.
void merge_attention(const Views& views, const at::Tensor& out_BTHQ, const at::Tensor& lse_BHT, const at::Tensor& block_out_BTHQ,
                     const at::Tensor& block_lse_BHT, const at::Tensor& difference_BHT, const at::Tensor& weight_BHT);

}  // namespace ergon
