// SPDX-License-Identifier: Apache-2.0
#include "trainer/attention/block_plan.hpp"

#include <algorithm>
#include <limits>

#include "configs/error.hpp"

namespace ergon {
namespace {

std::vector<std::int64_t> positions(const std::vector<PositionRun>& runs) {
  std::vector<std::int64_t> result;
  for (const PositionRun& run : runs)
    for (std::int64_t i = 0; i < run.length; ++i) result.push_back(run.start + i * run.stride);
  return result;
}

void fill_intervals(BlockPlan& plan, const BlockMask& mask) {
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

// The extremes of what a tile's rows see, or of where its keys are.
struct Extent {
  std::int64_t lowest, highest;
};
Extent extent(const std::vector<std::int64_t>& values, std::int64_t begin, std::int64_t end) {
  const auto [lowest, highest] = std::minmax_element(values.begin() + begin, values.begin() + end);
  return {*lowest, *highest};
}

bool adjacent(const BlockPlan& plan, std::int64_t k0, std::int64_t k1) {
  const std::int64_t *first = plan.key_positions.data() + k0, *last = plan.key_positions.data() + k1;
  return std::adjacent_find(first, last, [](std::int64_t a, std::int64_t b) { return b != a + 1; }) == last;
}

std::int64_t count_visible(const BlockPlan& plan, std::int64_t q0, std::int64_t q1, std::int64_t k0, std::int64_t k1) {
  const auto key = [&](std::int64_t at) { return plan.key_positions[static_cast<std::size_t>(at)]; };
  const bool by_ends = adjacent(plan, k0, k1);
  std::int64_t pairs = 0;
  for (std::int64_t i = q0; i < q1; ++i) {
    const std::int64_t low = plan.low[static_cast<std::size_t>(i)], high = plan.high[static_cast<std::size_t>(i)];
    if (by_ends)
      pairs += std::max<std::int64_t>(0, std::min(high, key(k1 - 1)) - std::max(low, key(k0)) + 1);
    else
      for (std::int64_t j = k0; j < k1; ++j) pairs += key(j) >= low && key(j) <= high;
  }
  return pairs;
}

// The tiles of one row of them. Most are judged by their extremes; what is left lies along the edges of what is visible.
void add_tiles(BlockPlan& plan, std::int64_t q0, std::int64_t q1, const std::vector<Extent>& keys) {
  const Extent low = extent(plan.low, q0, q1), high = extent(plan.high, q0, q1);
  for (std::int64_t tile = 0; tile < plan.key_tiles; ++tile) {
    const std::int64_t k0 = tile * plan.key_tile, k1 = std::min(plan.num_keys(), k0 + plan.key_tile);
    const Extent& at = keys[static_cast<std::size_t>(tile)];
    if (low.lowest > at.highest || high.highest < at.lowest) {
      plan.tiles.push_back({BlockKind::empty, 0});
    } else if (low.highest <= at.lowest && high.lowest >= at.highest) {
      plan.tiles.push_back({BlockKind::full, (q1 - q0) * (k1 - k0)});
    } else {
      const std::int64_t visible = count_visible(plan, q0, q1, k0, k1);
      plan.tiles.push_back({visible > 0 ? BlockKind::partial : BlockKind::empty, visible});
    }
  }
}

}  // namespace

BlockPlan plan_block(const BlockMask& mask, std::int64_t query_tile, std::int64_t key_tile) {
  ERGON_CHECK(mask.window == 0 || mask.causal, "a window of {} without causal", mask.window);
  BlockPlan plan;
  plan.query_positions = positions(mask.queries);
  plan.key_positions = positions(mask.keys);
  const std::int64_t queries = plan.num_queries(), keys = plan.num_keys();
  plan.query_tile = query_tile > 0 ? query_tile : std::max<std::int64_t>(1, queries);
  plan.key_tile = key_tile > 0 ? key_tile : std::max<std::int64_t>(1, keys);
  plan.query_tiles = (queries + plan.query_tile - 1) / plan.query_tile;
  plan.key_tiles = (keys + plan.key_tile - 1) / plan.key_tile;
  fill_intervals(plan, mask);
  std::vector<Extent> extents;
  for (std::int64_t k = 0; k < keys; k += plan.key_tile)
    extents.push_back(extent(plan.key_positions, k, std::min(keys, k + plan.key_tile)));
  for (std::int64_t q = 0; q < queries; q += plan.query_tile) add_tiles(plan, q, std::min(queries, q + plan.query_tile), extents);
  return plan;
}

const BlockPlan& BlockPlans::get(const BlockMask& mask) {
  return plans_.get(mask, [&] { return plan_block(mask, query_tile_, key_tile_); });
}

}  // namespace ergon
