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
  AttentionWork forward(const at::Tensor& q_BTHQ, const at::Tensor& k_BSKQ, const at::Tensor& v_BSKQ, const BlockMask& mask,
                        const AttentionDropout& dropout, double scale, AttentionOutput& result) const override;
  AttentionWork backward(const at::Tensor& dout_BTHQ, const at::Tensor& q_BTHQ, const at::Tensor& k_BSKQ, const at::Tensor& v_BSKQ,
                         const at::Tensor& out_BTHQ, const at::Tensor& lse_BHT, const at::Tensor& delta_BHT, const BlockMask& mask,
                         const AttentionDropout& dropout, double scale, AttentionGradients& result) const override;
};

}  // namespace ergon
