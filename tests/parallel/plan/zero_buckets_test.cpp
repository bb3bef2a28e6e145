// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/zero_buckets.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

const std::vector<ElementRange> units = {{0, 64}, {64, 160}, {160, 256}, {256, 288}};
const UnitPlan layers{.chunks = {2}}, chunks{.chunks = {1, 1}};
constexpr Bytes large = {1 << 20};

// First and last unit of each.
std::vector<std::pair<int, int>> buckets(const UnitPlan& plan, const ZeroBucketRule& rule) {
  std::vector<std::pair<int, int>> result;
  for (const Bucket& bucket : zero_buckets(units, plan, rule)) {
    CHECK(bucket.range.begin == units[static_cast<std::size_t>(bucket.first_unit)].begin);
    CHECK(bucket.range.end == units[static_cast<std::size_t>(bucket.last_unit)].end);
    result.emplace_back(bucket.first_unit, bucket.last_unit);
  }
  return result;
}
using Units = std::vector<std::pair<int, int>>;

}  // namespace

TEST_CASE("zero_buckets: the header's example") {
  CHECK(buckets(layers, {.bucket = large}) == Units{{0, 3}});
  CHECK(buckets(layers, {.stage = ZeroStage::parameters, .bucket = large}) == Units{{3, 3}, {2, 2}, {1, 1}, {0, 0}});
  CHECK(buckets(chunks, {.deterministic = true, .bucket = large}) == Units{{2, 3}, {0, 1}});
}

TEST_CASE("zero_buckets: sizes count accumulators; owners of moments alone bucket as nobody does; what leaves once leaves over chunks") {
  // Units 3 and 2 are 128 elements.
  CHECK(buckets(layers, {.bucket = {512}}) == Units{{2, 3}, {0, 1}});
  CHECK(buckets(layers, {.bucket = {512}, .accumulator_size = 8}) == Units{{2, 3}, {1, 1}, {0, 0}});
  CHECK(buckets(layers, {.bucket = {256}, .accumulator_size = 8}) == Units{{3, 3}, {2, 2}, {1, 1}, {0, 0}});
  CHECK(buckets(layers, {.stage = ZeroStage::optimizer, .bucket = {512}}) == Units{{2, 3}, {0, 1}});
  CHECK(buckets(chunks, {.stage = ZeroStage::optimizer, .bucket = large}) == Units{{0, 3}});
  CHECK(buckets(chunks, {.stage = ZeroStage::optimizer, .deterministic = true, .bucket = large}) == Units{{2, 3}, {0, 1}});
}

TEST_CASE("zero_buckets: a table that two stages hold leaves alone, and a plan is read only where gradients leave in every microbatch") {
  const UnitPlan twice{.chunks = {2}, .table_of_head = true, .table_twice = true}, other{.chunks = {7}};
  CHECK(buckets(twice, {.deterministic = true, .bucket = large}) == Units{{1, 3}, {0, 0}});
  CHECK(buckets(twice, {.bucket = large}) == Units{{0, 3}});
  CHECK(buckets(other, {.stage = ZeroStage::optimizer, .bucket = large}) == Units{{0, 3}});
  CHECK_THROWS_AS(zero_buckets(units, other, {.deterministic = true}), Bug);
  CHECK((!ZeroBucketRule{.stage = ZeroStage::optimizer}.each_microbatch() && ZeroBucketRule{.deterministic = true}.each_microbatch() &&
         ZeroBucketRule{.stage = ZeroStage::parameters}.each_microbatch()));
}

}  // namespace ergon
