// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/bucket_plan.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

TEST_CASE("bucket_plan: the header's example") {
  constexpr std::int64_t mib = (1 << 20) / 4;
  const std::vector<ElementRange> units = {{0, 4 * mib}, {4 * mib, 7 * mib}, {7 * mib, 10 * mib}, {10 * mib, 16 * mib}};
  CHECK(plan_buckets(units, Bytes{5 << 20}, 4) ==
        std::vector<Bucket>{{{10 * mib, 16 * mib}, 3, 3}, {{4 * mib, 10 * mib}, 1, 2}, {{0, 4 * mib}, 0, 0}});
  CHECK(plan_buckets(units, Bytes{5 << 20}, 4, {0, 0, 1, 1}) ==
        std::vector<Bucket>{{{10 * mib, 16 * mib}, 3, 3}, {{7 * mib, 10 * mib}, 2, 2}, {{0, 7 * mib}, 0, 1}});
  CHECK_THROWS_AS(plan_buckets(units, Bytes{1}, 4, {0, 0, 1}), Bug);
  CHECK(plan_buckets(units, Bytes{1}, 4).size() == 4);
  CHECK(plan_buckets(units, Bytes{1 << 30}, 4).size() == 1);
}

}  // namespace ergon
