// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/zero_memory.hpp"

#include <algorithm>
#include <map>

#include "configs/error.hpp"
#include "parallel/plan/zero_buckets.hpp"

namespace ergon {
namespace {

std::int64_t largest_bucket(const std::vector<ElementRange>& units, const ZeroSetup& setup) {
  std::int64_t largest = 0;
  for (const Bucket& bucket : zero_buckets(units, setup.units, {setup.stage, setup.deterministic, setup.bucket, setup.accumulator_size}))
    largest = std::max(largest, bucket.range.size());
  return largest;
}

std::int64_t elements_at_work(const std::vector<ElementRange>& units, const UnitPlan& plan) {
  const std::vector<int> buffers = unit_buffers(plan);
  std::map<int, std::int64_t> sizes;
  for (std::size_t unit = 0; unit < units.size(); ++unit) sizes[buffers[unit]] = std::max(sizes[buffers[unit]], units[unit].size());
  std::int64_t sum = 0;
  for (const auto& [buffer, size] : sizes) sum += size;
  return sum;
}

}  // namespace

StateBytes state_bytes(const std::vector<ElementRange>& units, const ZeroSetup& setup) {
  ERGON_CHECK(!units.empty() && std::ssize(units) == setup.units.units() && setup.ranks >= 1, "{} units, {} are planned, over {} ranks",
              units.size(), setup.units.units(), setup.ranks);
  const ZeroStage stage = setup.ranks > 1 ? setup.stage : ZeroStage::none;
  const std::int64_t all = units.back().end - units.front().begin, w = setup.weight_size, a = setup.accumulator_size, n = setup.ranks;
  const std::int64_t shard = all / n, bucket = largest_bucket(units, setup);
  const bool rounds = w != a;
  const std::int64_t received = n == 1 ? 0 : setup.deterministic ? bucket * a : stage == ZeroStage::parameters ? bucket / n * a : 0;
  const std::int64_t owner_sums = setup.deterministic || stage != ZeroStage::none ? shard * a : 0;
  const std::int64_t masters = stage == ZeroStage::none ? all : shard;

  StateBytes bytes;
  bytes.optimizer = {2 * masters * a};
  if (stage == ZeroStage::parameters) {
    const std::int64_t work = elements_at_work(units, setup.units);
    bytes.parameters = {shard * a + (rounds ? shard * w : 0) + work * w};
    bytes.gradients = {work * a + owner_sums + received};
  } else {
    bytes.parameters = {all * w + (rounds ? masters * a : 0)};
    bytes.gradients = {all * a + owner_sums + received};
  }
  return bytes;
}

}  // namespace ergon
