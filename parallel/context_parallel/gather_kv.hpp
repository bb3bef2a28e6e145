// SPDX-License-Identifier: Apache-2.0
// Each rank gathers the keys and values of the whole sequence, `stride` key heads at a time, and computes its own queries against them; the
// next heads arrive meanwhile (two buffers). Backward gathers again and scatters the sums of dk and dv.
//
// Per call and stride: forward one all_gather of keys and values in their own type; backward one more, and one reduce_scatter in the
// accumulator type, which runs beside the next heads. One softmax a query: nothing is merged.
#pragma once

#include "parallel/context_parallel/plans_by_rule.hpp"
#include "parallel/context_parallel/strategy.hpp"

namespace ergon {

class GatherKvAttention final : public AttentionStrategy {
 public:
  // stride must divide the key heads of every call. `cp` must outlive this.
  GatherKvAttention(const ContextSharding& sharding, std::int64_t stride, const AttentionKernel& kernel, Communicator& cp);

  const char* name() const override { return "gather_kv"; }
  AttentionWork forward(const AttentionCall& call, const at::Tensor& out_BTHQ, AttentionState& state) override;
  AttentionWork backward(const AttentionCall& call, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ, const AttentionState& state,
                         AttentionGradients& result) override;

 private:
  class Gather;
  // Some heads of the call against the gathered keys and values.
  static AttentionCall gathered(const AttentionCall& call, const HeadRange& heads, const Gather& gather);
  // By rule: own queries against the whole sequence.
  const std::vector<BlockMask>& masks(const AttentionCall& call);
  const GatheredRows& rows(const AttentionCall& call);

  ContextSharding sharding_;
  std::int64_t stride_;
  AttentionKernel kernel_;
  Communicator& cp_;
  PlansByRule<BlockMask> masks_;
  GatheredRows rows_;          // of the length before
  std::int64_t sequence_ = 0;  // that length
};

}  // namespace ergon
