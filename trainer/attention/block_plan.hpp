// SPDX-License-Identifier: Apache-2.0
// A BlockMask made ready for loops: which tiles to visit, and for each query row the interval of global positions that it sees. Built once
// a mask and kept, because every layer asks for the same few.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/attention/recent_plans.hpp"

namespace ergon {

struct BlockPlan {
  struct Tile {
    BlockKind kind = BlockKind::empty;
    std::int64_t visible = 0;  // pairs
  };
  std::int64_t query_tile = 0, key_tile = 0;    // rows of a tile; the last one may be shorter
  std::int64_t query_tiles = 0, key_tiles = 0;  // how many
  std::vector<std::int64_t> query_positions, key_positions;
  std::vector<std::int64_t> low, high;  // by query row: key positions in [low, high] are visible
  std::vector<Tile> tiles;              // [query_tiles, key_tiles]

  std::int64_t num_queries() const { return static_cast<std::int64_t>(query_positions.size()); }
  std::int64_t num_keys() const { return static_cast<std::int64_t>(key_positions.size()); }
  const Tile& tile(std::int64_t query, std::int64_t key) const { return tiles[static_cast<std::size_t>(query * key_tiles + key)]; }
};

// Tile sizes of 0 mean the whole extent.
BlockPlan plan_block(const BlockMask& mask, std::int64_t query_tile, std::int64_t key_tile);

// The plans of the masks last asked for (recent_plans.hpp).
class BlockPlans {
 public:
  BlockPlans(std::int64_t query_tile, std::int64_t key_tile) : query_tile_(query_tile), key_tile_(key_tile) {}
  const BlockPlan& get(const BlockMask& mask);

 private:
  std::int64_t query_tile_, key_tile_;
  RecentPlans<BlockPlan> plans_;
};

}  // namespace ergon
