// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/merge.hpp"

#include <ATen/ops/logaddexp.h>
#include <ATen/ops/sub.h>

#include <limits>

namespace ergon {

void merge_attention(const Views& views, const at::Tensor& out_BTHQ, const at::Tensor& lse_BHT, const at::Tensor& block_out_BTHQ,
                     const at::Tensor& block_lse_BHT, const at::Tensor& difference_BHT, const at::Tensor& weight_BHT) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  at::Tensor lse = lse_BHT, difference = difference_BHT;
  at::sub_out(difference, block_lse_BHT, lse_BHT);
  difference.nan_to_num_(-infinity, infinity, -infinity).sigmoid_();  // -inf less -inf: nothing to add
  if (!weight_BHT.is_same(difference_BHT)) weight_BHT.copy_(difference);
  // One operation more than addcmul_, which makes a tensor of its scalar.
  block_out_BTHQ.sub_(out_BTHQ).mul_(views.by_row(weight_BHT));
  out_BTHQ.add_(block_out_BTHQ);
  at::logaddexp_out(lse, lse_BHT, block_lse_BHT);
}

}  // namespace ergon
