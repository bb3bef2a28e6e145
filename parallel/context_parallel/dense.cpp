// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/dense.hpp"

#include "parallel/context_parallel/block.hpp"

namespace ergon {

const std::vector<BlockMask>& DenseAttention::masks(const AttentionCall& call) {
  const std::int64_t sequence = call.q_BTHQ.size(1);
  return masks_.get(sequence, call.rules, [&](const AttentionRule& rule) { return whole_mask(rule, sequence); });
}

AttentionWork DenseAttention::forward(const AttentionCall& call, const at::Tensor& out_BTHQ, AttentionState& state) {
  state.lse_BHT = call.keep.take({out_BTHQ.size(0), out_BTHQ.size(2), out_BTHQ.size(1)}, out_BTHQ.scalar_type());
  AttentionOutput result{out_BTHQ, state.lse_BHT};
  return forward_block(kernel_.blocks, call, masks(call), result);
}

AttentionWork DenseAttention::backward(const AttentionCall& call, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ,
                                       const AttentionState& state, AttentionGradients& result) {
  const at::Tensor delta_BHT = call.scratch.take(state.lse_BHT.sizes(), state.lse_BHT.scalar_type());
  kernel_.delta(delta_BHT, dout_BTHQ, out_BTHQ);
  return backward_block(kernel_.blocks, call, masks(call), {dout_BTHQ, out_BTHQ, state.lse_BHT, delta_BHT}, result);
}

}  // namespace ergon
