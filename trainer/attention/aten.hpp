// SPDX-License-Identifier: Apache-2.0
// ATen's flash kernel for CPU, for the jobs it can do: float or double, no dropout, no window, no documents; full blocks, or causal ones
// whose queries and keys are the same positions. It is opaque: the pairs it computes are declared from its block sizes
// (ATen/native/cpu/FlashAttentionKernel.cpp), not counted.
#pragma once

#include "parallel/local_attention.hpp"

namespace ergon {

class AtenAttention final : public LocalAttention {
 public:
  const char* name() const override { return "aten"; }
  AttentionTiles tiles() const override;
  // Throws Error (ExitCode::config) for a mask or dropout it cannot do and for bfloat16, whose results ATen rounds; select.hpp asks
  // `supports` first.
  AttentionWork forward(const AttentionBlock& block, AttentionOutput& result) const override;
  AttentionWork backward(const AttentionBlock& block, const AttentionUpstream& upstream, AttentionGradients& result) const override;

  static bool supports(const BlockMask& mask, const AttentionDropout& dropout);
};

}  // namespace ergon
