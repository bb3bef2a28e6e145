// SPDX-License-Identifier: Apache-2.0
// The one rule that says which units leave together in the sum of the gradients, for those who send, who predict and who plan memory.
//
// Example: two layers between table and head, all of float32: {.bucket = {1 << 20}} and units of 64, 96, 96, 32 elements give one bucket of
// all; under ZeroStage::parameters each unit is one: {unit 3}, {2}, {1}, {0}. In the deterministic mode, on a stage whose two chunks have
// one layer each, only what a chunk's backward finishes leaves together: {units 3, 2}, {units 1, 0}.
#pragma once

#include <cstdint>
#include <vector>

#include "configs/quantities.hpp"
#include "parallel/plan/unit_plan.hpp"
#include "parallel/plan/zero_partition.hpp"

namespace ergon {

struct ZeroBucketRule {
  ZeroStage stage = ZeroStage::none;  // none where one rank has nobody to share with
  bool deterministic = false;
  Bytes bucket = {25 << 20};
  std::int64_t accumulator_size = 4;  // bytes

  // Gradients leave in every microbatch, not in the last alone.
  bool each_microbatch() const { return deterministic || stage == ZeroStage::parameters; }
};

// `units` as in plan_buckets; `plan` says what they are, read where gradients leave in every microbatch.
std::vector<Bucket> zero_buckets(const std::vector<ElementRange>& units, const UnitPlan& plan, const ZeroBucketRule& rule);

}  // namespace ergon
