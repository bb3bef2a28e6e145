// SPDX-License-Identifier: Apache-2.0
// Attention by the kernels of a device (trainer/kernels/device.hpp): everything of LocalAttention, q, k, v in float, double or bfloat16,
// results in the accumulator type; dout may be of either. The mask becomes a plan on the host (block_plan.hpp), from which the pairs are
// counted and which is sent to the device once for each of the masks last used. Head widths up to 256; what a device's shared memory does
// not hold ends in Error.
//
// Not to be called from two threads at once: it owns its plans.
#pragma once

#include <cstdint>
#include <memory>

#include "parallel/local_attention.hpp"
#include "trainer/attention/recent_plans.hpp"
#include "trainer/kernels/device.hpp"

namespace ergon {

class DeviceAttention final : public LocalAttention {
 public:
  // kernels live longer.
  explicit DeviceAttention(const DeviceKernels& kernels);
  ~DeviceAttention() override;

  const char* name() const override { return "device"; }
  AttentionTiles tiles() const override;
  AttentionWork forward(const AttentionBlock& block, AttentionOutput& result) const override;
  AttentionWork backward(const AttentionBlock& block, const AttentionUpstream& upstream, AttentionGradients& result) const override;

 private:
  class Plan;
  const Plan& plan(const BlockMask& mask) const;

  const DeviceKernels& kernels_;
  mutable RecentPlans<std::unique_ptr<Plan>> plans_;
};

}  // namespace ergon
