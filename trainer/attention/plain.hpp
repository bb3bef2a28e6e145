// SPDX-License-Identifier: Apache-2.0
// The reference kernel of attention: loops a person can follow, every feature of LocalAttention, float, double or bfloat16. It visits every
// pair of the block and keeps one row of probabilities at a time; the faster kernels are tested equal to it.
#pragma once

#include "parallel/local_attention.hpp"

namespace ergon {

class PlainAttention final : public LocalAttention {
 public:
  const char* name() const override { return "plain"; }
  // One tile: every pair is computed; the scores are recomputed in backward.
  AttentionTiles tiles() const override;
  AttentionWork forward(const AttentionBlock& block, AttentionOutput& result) const override;
  AttentionWork backward(const AttentionBlock& block, const AttentionUpstream& upstream, AttentionGradients& result) const override;
};

}  // namespace ergon
