// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/zero_buckets.hpp"

namespace ergon {

std::vector<Bucket> zero_buckets(const std::vector<ElementRange>& units, const UnitPlan& plan, const ZeroBucketRule& rule) {
  return plan_buckets(units, rule.stage == ZeroStage::parameters ? Bytes{1} : rule.bucket, rule.accumulator_size,
                      rule.each_microbatch() ? round_groups(plan) : std::vector<int>());
}

}  // namespace ergon
