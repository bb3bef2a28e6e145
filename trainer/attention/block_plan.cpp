// SPDX-License-Identifier: Apache-2.0
#include "trainer/attention/block_plan.hpp"

#include <algorithm>
#include <limits>

#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr std::size_t plans_kept = 16;

std::vector<std::int64_t> positions(const std::vector<PositionRun>& runs) {
  std::vector<std::int64_t> result;
  for (const PositionRun& run : runs)
    for (std::int64_t i = 0; i < run.length; ++i) result.push_back(run.start + i * run.stride);
  return result;
}

void fill_intervals(BlockPlan& plan) {
  const BlockMask& mask = plan.mask;
  for (const std::int64_t position : plan.query_positions) {
    std::int64_t low = 0, high = std::numeric_limits<std::int64_t>::max();
    if (!mask.document_starts.empty()) {
      const auto next = std::upper_bound(mask.document_starts.begin(), mask.document_starts.end(), position);
      low = next == mask.document_starts.begin() ? 0 : *(next - 1);
      high = next == mask.document_starts.end() ? high : *next - 1;
    }
    if (mask.window > 0) low = std::max(low, position - mask.window + 1);
    if (mask.causal) high = std::min(high, position);
    plan.low.push_back(low);
    plan.high.push_back(high);
  }
}

std::int64_t count_visible(const BlockPlan& plan, std::int64_t q0, std::int64_t q1, std::int64_t k0, std::int64_t k1) {
  std::int64_t pairs = 0;
  for (std::int64_t i = q0; i < q1; ++i) {
    const std::int64_t low = plan.low[static_cast<std::size_t>(i)], high = plan.high[static_cast<std::size_t>(i)];
    for (std::int64_t j = k0; j < k1; ++j) {
      const std::int64_t key = plan.key_positions[static_cast<std::size_t>(j)];
      pairs += key >= low && key <= high;
    }
  }
  return pairs;
}

}  // namespace

bool same_mask(const BlockMask& a, const BlockMask& b) {
  return a.queries == b.queries && a.keys == b.keys && a.causal == b.causal && a.window == b.window &&
         a.document_starts == b.document_starts;
}

BlockPlan plan_block(const BlockMask& mask, std::int64_t query_tile, std::int64_t key_tile) {
  ERGON_CHECK(mask.window == 0 || mask.causal, "a window of {} without causal", mask.window);
  BlockPlan plan;
  plan.mask = mask;
  plan.query_positions = positions(mask.queries);
  plan.key_positions = positions(mask.keys);
  const std::int64_t queries = plan.num_queries(), keys = plan.num_keys();
  plan.query_tile = query_tile > 0 ? query_tile : std::max<std::int64_t>(1, queries);
  plan.key_tile = key_tile > 0 ? key_tile : std::max<std::int64_t>(1, keys);
  plan.query_tiles = (queries + plan.query_tile - 1) / plan.query_tile;
  plan.key_tiles = (keys + plan.key_tile - 1) / plan.key_tile;
  fill_intervals(plan);
  for (std::int64_t q = 0; q < queries; q += plan.query_tile)
    for (std::int64_t k = 0; k < keys; k += plan.key_tile) {
      const std::int64_t q1 = std::min(queries, q + plan.query_tile), k1 = std::min(keys, k + plan.key_tile);
      const BlockKind kind = mask.tile_kind(q, q1 - q, k, k1 - k);
      const std::int64_t visible = kind == BlockKind::empty  ? 0
                                   : kind == BlockKind::full ? (q1 - q) * (k1 - k)
                                                             : count_visible(plan, q, q1, k, k1);
      plan.tiles.push_back({kind, visible});
    }
  return plan;
}

const BlockPlan& BlockPlans::get(const BlockMask& mask) {
  for (auto plan = plans_.begin(); plan != plans_.end(); ++plan)
    if (same_mask(plan->mask, mask)) {
      plans_.splice(plans_.begin(), plans_, plan);
      return plans_.front();
    }
  plans_.push_front(plan_block(mask, query_tile_, key_tile_));
  if (plans_.size() > plans_kept) plans_.pop_back();
  return plans_.front();
}

}  // namespace ergon
