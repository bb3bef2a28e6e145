// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/block.hpp"

#include <algorithm>
#include <limits>

#include "parallel/context_parallel/merge.hpp"

namespace ergon {
namespace {

at::Tensor query_rows(const Views& views, const at::Tensor& x_BTHQ, const BlockPart& part) {
  return views.narrow(x_BTHQ, 1, part.first_query, part.queries);
}
at::Tensor key_rows(const Views& views, const at::Tensor& x_BSKQ, const BlockPart& part) {
  return views.narrow(x_BSKQ, 1, part.first_key, part.keys);
}
at::Tensor statistic_rows(const Views& views, const at::Tensor& x_BHT, const BlockPart& part) {
  return views.narrow(x_BHT, 2, part.first_query, part.queries);
}

AttentionBlock block_of_heads(const Views& views, const AttentionBlock& block, const HeadRange& heads) {
  AttentionDropout dropout = block.dropout;
  dropout.first_head += heads.first_query;
  return {query_heads(views, block.q_BTHQ, heads),
          key_heads(views, block.k_BSKQ, heads),
          key_heads(views, block.v_BSKQ, heads),
          block.mask,
          dropout,
          block.scale};
}

}  // namespace

void add_work(AttentionWork& sum, const AttentionWork& part) {
  sum.pairs_visible += part.pairs_visible;
  sum.pairs_computed += part.pairs_computed;
  sum.matmuls = std::max(sum.matmuls, part.matmuls);
  sum.declared = sum.declared || part.declared;
}

AttentionWork forward_block(const LocalAttention& kernel, const Views& views, const AttentionBlock& block,
                            const std::vector<HeadRange>& heads, AttentionOutput& result) {
  if (heads.size() <= 1) return kernel.forward(block, result);
  AttentionWork work;
  for (const HeadRange& range : heads) {
    AttentionOutput part{query_heads(views, result.out_BTHQ, range), statistic_heads(views, result.lse_BHT, range)};
    add_work(work, kernel.forward(block_of_heads(views, block, range), part));
  }
  return work;
}

AttentionWork backward_block(const LocalAttention& kernel, const Views& views, const AttentionBlock& block,
                             const std::vector<HeadRange>& heads, const AttentionUpstream& upstream, AttentionGradients& result) {
  if (heads.size() <= 1) return kernel.backward(block, upstream, result);
  AttentionWork work;
  for (const HeadRange& range : heads) {
    const AttentionUpstream above{query_heads(views, upstream.dout_BTHQ, range), query_heads(views, upstream.out_BTHQ, range),
                                  statistic_heads(views, upstream.lse_BHT, range), statistic_heads(views, upstream.delta_BHT, range)};
    AttentionGradients part{query_heads(views, result.dq_BTHQ, range), key_heads(views, result.dk_BSKQ, range),
                            key_heads(views, result.dv_BSKQ, range)};
    add_work(work, kernel.backward(block_of_heads(views, block, range), above, part));
  }
  return work;
}

RunningOutput::RunningOutput(const AttentionKernel& kernel, const AttentionCall& call, const at::Tensor& out_BTHQ,
                             const at::Tensor& lse_BHT)
    : kernel_(kernel),
      call_(call),
      views_(call.scratch),
      out_BTHQ_(out_BTHQ),
      lse_BHT_(lse_BHT),
      running_lse_BHT_(lse_BHT),
      block_out_BTHQ_(call.scratch.take(out_BTHQ.sizes(), out_BTHQ.scalar_type())),
      block_lse_BHT_(call.scratch.take(lse_BHT.sizes(), lse_BHT.scalar_type())),
      block_exact_BHT_(block_lse_BHT_),
      difference_BHT_(call.scratch.take(lse_BHT.sizes(), at::kDouble)),
      weight_BHT_(difference_BHT_) {
  if (lse_BHT.scalar_type() == at::kDouble) return;
  running_lse_BHT_ = call.scratch.take(lse_BHT.sizes(), at::kDouble);
  block_exact_BHT_ = call.scratch.take(lse_BHT.sizes(), at::kDouble);
  weight_BHT_ = call.scratch.take(lse_BHT.sizes(), lse_BHT.scalar_type());
}

AttentionWork RunningOutput::add(const BlockPart& part, const at::Tensor& k_BSKQ, const at::Tensor& v_BSKQ) {
  const bool writes_all = part.queries == out_BTHQ_.size(1), direct = first_ && writes_all;
  if (first_ && !writes_all) {
    out_BTHQ_.zero_();
    for (const at::Tensor* lse : {&lse_BHT_, &running_lse_BHT_}) lse->fill_(-std::numeric_limits<double>::infinity());
  }
  first_ = false;
  if (part.empty()) return {};
  const AttentionBlock block{query_rows(views_, call_.q_BTHQ, part),
                             key_rows(views_, k_BSKQ, part),
                             key_rows(views_, v_BSKQ, part),
                             part.mask,
                             call_.dropout,
                             call_.scale};
  AttentionOutput result{query_rows(views_, direct ? out_BTHQ_ : block_out_BTHQ_, part),
                         statistic_rows(views_, direct ? lse_BHT_ : block_lse_BHT_, part)};
  const AttentionWork work = forward_block(kernel_.blocks, views_, block, call_.heads, result);
  const at::Tensor running = statistic_rows(views_, running_lse_BHT_, part), exact = statistic_rows(views_, block_exact_BHT_, part);
  const bool in_double = lse_BHT_.scalar_type() == at::kDouble;
  if (direct) {
    if (!in_double) running.copy_(result.lse_BHT);
    return work;
  }
  if (!in_double) exact.copy_(result.lse_BHT);
  const at::Tensor difference = statistic_rows(views_, difference_BHT_, part);
  const at::Tensor weight = in_double ? difference : statistic_rows(views_, weight_BHT_, part);
  merge_attention(views_, query_rows(views_, out_BTHQ_, part), running, result.out_BTHQ, exact, difference, weight);
  if (!in_double) statistic_rows(views_, lse_BHT_, part).copy_(running);
  return work;
}

RunningGradients::RunningGradients(const AttentionKernel& kernel, const AttentionCall& call, const at::Tensor& dout_BTHQ,
                                   const at::Tensor& out_BTHQ, const at::Tensor& lse_BHT, const at::Tensor& dq_BTHQ)
    : kernel_(kernel),
      call_(call),
      views_(call.scratch),
      upstream_{dout_BTHQ, out_BTHQ, lse_BHT, call.scratch.take(lse_BHT.sizes(), lse_BHT.scalar_type())},
      dq_BTHQ_(dq_BTHQ),
      block_dq_BTHQ_(call.scratch.take(dq_BTHQ.sizes(), dq_BTHQ.scalar_type())) {
  kernel.delta(upstream_.delta_BHT, dout_BTHQ, out_BTHQ);
  dq_BTHQ_.zero_();
}

AttentionWork RunningGradients::add(const BlockPart& part, const at::Tensor& k_BSKQ, const at::Tensor& v_BSKQ, const at::Tensor& dk_BSKQ,
                                    const at::Tensor& dv_BSKQ) {
  if (part.empty()) return {};
  const AttentionBlock block{query_rows(views_, call_.q_BTHQ, part),
                             key_rows(views_, k_BSKQ, part),
                             key_rows(views_, v_BSKQ, part),
                             part.mask,
                             call_.dropout,
                             call_.scale};
  const AttentionUpstream upstream{query_rows(views_, upstream_.dout_BTHQ, part), query_rows(views_, upstream_.out_BTHQ, part),
                                   statistic_rows(views_, upstream_.lse_BHT, part), statistic_rows(views_, upstream_.delta_BHT, part)};
  const at::Tensor block_dq = query_rows(views_, block_dq_BTHQ_, part);
  AttentionGradients gradients{block_dq, key_rows(views_, dk_BSKQ, part), key_rows(views_, dv_BSKQ, part)};
  const AttentionWork work = backward_block(kernel_.blocks, views_, block, call_.heads, upstream, gradients);
  query_rows(views_, dq_BTHQ_, part).add_(block_dq);
  return work;
}

}  // namespace ergon
