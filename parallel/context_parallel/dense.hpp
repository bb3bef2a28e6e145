// SPDX-License-Identifier: Apache-2.0
// One rank holds every row of the queries and of the keys: one call of the kernel, nothing to send. What all others are tested against, and
// what a head exchange runs in the middle when its group has the whole sequence.
#pragma once

#include "parallel/context_parallel/plans_by_rule.hpp"
#include "parallel/context_parallel/strategy.hpp"

namespace ergon {

class DenseAttention final : public AttentionStrategy {
 public:
  explicit DenseAttention(const AttentionKernel& kernel) : kernel_(kernel) {}

  const char* name() const override { return "dense"; }
  AttentionWork forward(const AttentionCall& call, const at::Tensor& out_BTHQ, AttentionState& state) override;
  AttentionWork backward(const AttentionCall& call, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ, const AttentionState& state,
                         AttentionGradients& result) override;

 private:
  const std::vector<BlockMask>& masks(const AttentionCall& call);

  AttentionKernel kernel_;
  PlansByRule<BlockMask> masks_;
};

}  // namespace ergon
