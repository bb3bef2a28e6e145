// SPDX-License-Identifier: Apache-2.0
// Which (query, key) pairs of a block of attention see each other, by GLOBAL positions, so that masks hold whatever the layout over ranks;
// and how many pairs a kernel computes that works in tiles.
//
// Example: causal, positions 0..3, tiles of 2 x 2: 10 visible pairs; tile (0, 1) is empty and skipped, so 12 pairs are computed.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace ergon {

// Global positions start, start + stride, ...: `length` of them.
struct PositionRun {
  std::int64_t start = 0, length = 0, stride = 1;
  bool operator==(const PositionRun&) const = default;
};

enum class BlockKind { empty, full, partial };

// Key j is visible to query i when: (not causal or j <= i) and (window == 0 or i - j < window) and both lie in the same document.
struct BlockMask {
  std::vector<PositionRun> queries, keys;  // runs of global positions, in the order of the rows of q and of k
  bool causal = true;
  std::int64_t window = 0;                    // 0: none; requires causal
  std::vector<std::int64_t> document_starts;  // global positions where documents begin, increasing, first 0; empty: one document

  std::int64_t num_queries() const;
  std::int64_t num_keys() const;
  bool visible(std::int64_t query, std::int64_t key) const;  // by row numbers within the block
  BlockKind kind() const;                                    // of the whole block
  // Of the tile of rows [query, query + queries) x [key, key + keys).
  BlockKind tile_kind(std::int64_t query, std::int64_t queries, std::int64_t key, std::int64_t keys) const;
  std::int64_t visible_pairs() const;  // per (sample, head)
  bool operator==(const BlockMask&) const = default;
};

// One rank, one block, positions 0..positions-1.
BlockMask causal_mask(std::int64_t positions, std::int64_t window = 0);

// How a kernel tiles a block and what it recomputes. Size 0 means the whole extent.
struct AttentionTiles {
  std::int64_t queries = 0, keys = 0;
  // Kernels that take larger query tiles for longer blocks: from `from` query rows on, tiles of `queries` rows. Increasing; unused entries
  // are 0.
  struct Longer {
    std::int64_t from = 0, queries = 0;
  };
  std::array<Longer, 3> longer{};
  bool skips_empty = true;   // tiles without a visible pair are not computed
  int forward_matmuls = 2;   // products with the head width per pair
  int backward_matmuls = 5;  // 5: the scores are recomputed (flash); 4: they were kept

  // The query tile for a block of so many query rows; 0: the whole extent.
  constexpr std::int64_t query_tile(std::int64_t num_queries) const {
    std::int64_t tile = queries;
    for (const Longer& step : longer)
      if (step.from > 0 && num_queries >= step.from) tile = step.queries;
    return tile;
  }
};
// Pairs that a kernel of these tiles computes for the block, per (sample, head).
std::int64_t computed_pairs(const BlockMask& mask, const AttentionTiles& tiles);

}  // namespace ergon
