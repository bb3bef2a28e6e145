// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/bucket_plan.hpp"

#include "configs/error.hpp"

namespace ergon {

std::vector<Bucket> plan_buckets(const std::vector<ElementRange>& units, Bytes bucket, std::int64_t element_size,
                                 const std::vector<int>& groups) {
  ERGON_CHECK(groups.empty() || groups.size() == units.size(), "{} groups of {} units", groups.size(), units.size());
  const auto group = [&](int unit) { return groups.empty() ? 0 : groups[static_cast<std::size_t>(unit)]; };
  std::vector<Bucket> buckets;
  for (int unit = static_cast<int>(units.size()) - 1; unit >= 0; --unit) {
    const ElementRange& range = units[static_cast<std::size_t>(unit)];
    if (buckets.empty() || buckets.back().range.size() * element_size >= bucket.value || group(buckets.back().first_unit) != group(unit)) {
      buckets.push_back({range, unit, unit});
      continue;
    }
    ERGON_CHECK(range.end <= buckets.back().range.begin, "unit {} overlaps the one after it", unit);
    buckets.back().range.begin = range.begin;
    buckets.back().first_unit = unit;
  }
  return buckets;
}

}  // namespace ergon
