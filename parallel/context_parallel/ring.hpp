// SPDX-License-Identifier: Apache-2.0
// Keys and values travel around a ring of n members while the queries stay: after n - 1 hops every query has met every key.
//
//   forward   step s: own queries against the keys of member r - s; these are sent on before the block that they hide behind.
//   backward  the other way round, from the block that arrived last: step s meets the keys of member r + 1 + s. Their gradient follows one
//             block later, as a message of its own, and comes home with the last.
//
// Each rank sends, per call: forward n - 1 messages of its keys and values in their own type; backward n - 1 of those and n - 1 of their
// gradients in the accumulator type. Blocks without a visible pair are not computed; their hops are sent all the same.
//
// Progress: Open MPI moves a message while somebody polls, so a block is computed in parts with a poll after each until its hops have
// arrived (block.hpp). A stream moves them meanwhile.
#pragma once

#include "parallel/context_parallel/plans_by_rule.hpp"
#include "parallel/context_parallel/strategy.hpp"

namespace ergon {

class RingAttention final : public AttentionStrategy {
 public:
  // `ring`: one member for each group of `sharding.exchanging()` context ranks, in their order; it must outlive this.
  RingAttention(const ContextSharding& sharding, const AttentionKernel& kernel, Communicator& ring);

  const char* name() const override { return "ring"; }
  AttentionWork forward(const AttentionCall& call, const at::Tensor& out_BTHQ, AttentionState& state) override;
  AttentionWork backward(const AttentionCall& call, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ, const AttentionState& state,
                         AttentionGradients& result) override;

 private:
  // By rule and member: own queries against its keys.
  const std::vector<std::vector<BlockPart>>& blocks(const AttentionCall& call);
  const BlockPart& block(const std::vector<BlockPart>& blocks, int hops) const;

  ContextSharding sharding_;
  AttentionKernel kernel_;
  Communicator& ring_;
  PlansByRule<std::vector<BlockPart>> blocks_;
};

}  // namespace ergon
