// SPDX-License-Identifier: Apache-2.0
// Which blocks of attention the context ranks compute, as integers: whose rows lie where after a gather, what of a block of queries and
// keys has a visible pair at all, and how many pairs all ranks compute together (what accounting predicts is what the strategies of
// parallel/context_parallel run).
//
// Example: T = 8 on a ring of 2, zigzag, causal. Rank 0 owns 0 1 6 7, rank 1 owns 2 3 4 5. Of rank 1's queries against rank 0's keys only
// the first half of the keys matters (4 x 2 pairs, all visible); of rank 0's against rank 1's only the second half of the queries (2 x 4).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "configs/run_config.hpp"
#include "parallel/plan/block_mask.hpp"

namespace ergon {

// What may see what, over the whole sequence: the fields of a BlockMask beside its positions.
struct AttentionRule {
  bool causal = true;
  std::int64_t window = 0;                         // 0: none; requires causal
  std::vector<std::int64_t> document_starts = {};  // empty: one document
  bool operator==(const AttentionRule&) const = default;
};
// Of a model whose documents are not kept apart.
AttentionRule attention_rule(const ModelShape& shape);

// How attention is cut over the context ranks of one sequence.
struct ContextSharding {
  AttentionSharding attention = AttentionSharding::ring;
  SequenceLayout layout = SequenceLayout::zigzag;
  int cp = 1;
  int ulysses = 1;  // of the hybrid: adjacent ranks that exchange heads; must divide cp

  int exchanging() const;                         // adjacent ranks that exchange heads: 1 for ring and gather_kv, cp for ulysses
  int ring() const { return cp / exchanging(); }  // members of a ring; ranks of one gather
};
ContextSharding context_sharding(const MeshSection& mesh);

using PositionRuns = std::vector<PositionRun>;

// Of one rank that holds the whole sequence.
BlockMask whole_mask(const AttentionRule& rule, std::int64_t sequence);

// The rows of `ranks` adjacent context ranks in one tensor: in the order of positions where these then form few runs, else rank after rank.
struct GatheredRows {
  PositionRuns positions;          // of the rows, in order
  std::vector<PositionRuns> rows;  // by rank: the places of its rows in their own order
};
GatheredRows gathered_rows(SequenceLayout layout, std::int64_t sequence, int cp, int first, int ranks);

// The rows of a block outside of which no pair is visible, cut at runs. Empty: nothing to compute.
struct BlockPart {
  std::int64_t first_query = 0, queries = 0, first_key = 0, keys = 0;
  BlockMask mask;  // of these rows
  bool empty() const { return queries == 0; }
};
BlockPart visible_part(const AttentionRule& rule, const PositionRuns& queries, const PositionRuns& keys);

// Of one member of a ring: its queries against the keys of each member. `member` counts groups of `exchanging()` ranks.
std::vector<BlockPart> ring_blocks(const ContextSharding& sharding, std::int64_t sequence, const AttentionRule& rule, int member);
// Of one rank that gathers: its queries against the whole sequence, whose rows lie in the order of positions.
BlockPart gathered_block(const ContextSharding& sharding, std::int64_t sequence, const AttentionRule& rule, int rank);

// Per query head, over all context ranks, of one sample or of several.
struct PairCount {
  std::int64_t visible = 0, computed = 0;
  PairCount& operator+=(const PairCount& more);
  bool operator==(const PairCount&) const = default;
};
PairCount operator*(const PairCount& pairs, std::int64_t times);
// Where they are counted.
void add_pairs(std::optional<PairCount>& sum, const std::optional<PairCount>& more);
PairCount count_pairs(const ContextSharding& sharding, std::int64_t sequence, const AttentionRule& rule, const AttentionTiles& tiles);

}  // namespace ergon
