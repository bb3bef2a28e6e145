// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/context_blocks.hpp"

#include <algorithm>

#include "configs/error.hpp"
#include "parallel/plan/sequence_layout.hpp"

namespace ergon {
namespace {

struct Owned {
  PositionRun run;
  std::size_t rank;
};

// Appends a run of rows, as part of the one before where it goes on from there.
void append(PositionRuns& runs, const PositionRun& run) {
  if (!runs.empty() && run.stride == 1 && runs.back().stride == 1 && runs.back().start + runs.back().length == run.start)
    runs.back().length += run.length;
  else
    runs.push_back(run);
}

BlockMask mask_of(const AttentionRule& rule, PositionRuns queries, PositionRuns keys) {
  BlockMask mask;
  mask.queries = std::move(queries);
  mask.keys = std::move(keys);
  mask.causal = rule.causal;
  mask.window = rule.window;
  mask.document_starts = rule.document_starts;
  return mask;
}

// The runs from the first to the last that see, or are seen by, any of the others; rows before them.
struct UsedRuns {
  PositionRuns runs;
  std::int64_t first_row = 0, rows = 0;
};
template <typename Sees>
UsedRuns used(const PositionRuns& runs, const Sees& sees) {
  std::size_t begin = 0, end = runs.size();
  while (begin < end && !sees(runs[begin])) ++begin;
  while (end > begin && !sees(runs[end - 1])) --end;
  UsedRuns result;
  for (std::size_t i = 0; i < begin; ++i) result.first_row += runs[i].length;
  for (std::size_t i = begin; i < end; ++i) {
    result.runs.push_back(runs[i]);
    result.rows += runs[i].length;
  }
  return result;
}

void add(PairCount& sum, const BlockPart& part, const AttentionTiles& tiles) {
  if (part.empty()) return;
  sum.visible += part.mask.visible_pairs();
  sum.computed += computed_pairs(part.mask, tiles);
}

}  // namespace

AttentionRule attention_rule(const ModelShape& shape) { return {.causal = shape.causal, .window = shape.window}; }

PairCount& PairCount::operator+=(const PairCount& more) {
  visible += more.visible;
  computed += more.computed;
  return *this;
}
PairCount operator*(const PairCount& pairs, std::int64_t times) { return {pairs.visible * times, pairs.computed * times}; }

void add_pairs(std::optional<PairCount>& sum, const std::optional<PairCount>& more) {
  if (more) sum = sum ? * sum += *more : *more;
}

int ContextSharding::exchanging() const {
  switch (attention) {
    case AttentionSharding::ulysses:
      return cp;
    case AttentionSharding::hybrid:
      return ulysses;
    case AttentionSharding::ring:
    case AttentionSharding::gather_kv:
      break;
  }
  return 1;
}

ContextSharding context_sharding(const MeshSection& mesh) {
  return {mesh.attention, mesh.layout, static_cast<int>(mesh.cp), static_cast<int>(mesh.ulysses)};
}

BlockMask whole_mask(const AttentionRule& rule, std::int64_t sequence) { return mask_of(rule, {{0, sequence, 1}}, {{0, sequence, 1}}); }

GatheredRows gathered_rows(SequenceLayout layout, std::int64_t sequence, int cp, int first, int ranks) {
  ERGON_CHECK(first >= 0 && ranks >= 1 && first + ranks <= cp, "context ranks {} to {} of {}", first, first + ranks - 1, cp);
  std::vector<Owned> owned;
  for (int rank = 0; rank < ranks; ++rank)
    for (const PositionRun& run : owned_positions(layout, sequence, cp, first + rank))
      owned.push_back({run, static_cast<std::size_t>(rank)});
  GatheredRows result;
  result.rows.resize(static_cast<std::size_t>(ranks));
  if (ranks == cp) {
    result.positions = {{0, sequence, 1}};
    for (const Owned& piece : owned) result.rows[piece.rank].push_back(piece.run);
    return result;
  }
  const bool sortable = std::ranges::all_of(owned, [](const Owned& piece) { return piece.run.stride == 1; });
  if (sortable) std::ranges::stable_sort(owned, {}, [](const Owned& piece) { return piece.run.start; });
  std::int64_t row = 0;
  for (const Owned& piece : owned) {
    append(result.positions, piece.run);
    append(result.rows[piece.rank], {row, piece.run.length, 1});
    row += piece.run.length;
  }
  return result;
}

BlockPart visible_part(const AttentionRule& rule, const PositionRuns& queries, const PositionRuns& keys) {
  const auto visible = [&](const PositionRuns& q, const PositionRuns& k) { return mask_of(rule, q, k).kind() != BlockKind::empty; };
  const UsedRuns q = used(queries, [&](const PositionRun& run) { return visible({run}, keys); });
  const UsedRuns k = used(keys, [&](const PositionRun& run) { return visible(queries, {run}); });
  BlockPart part;
  if (q.rows == 0) return part;
  part.first_query = q.first_row;
  part.queries = q.rows;
  part.first_key = k.first_row;
  part.keys = k.rows;
  part.mask = mask_of(rule, q.runs, k.runs);
  return part;
}

std::vector<BlockPart> ring_blocks(const ContextSharding& sharding, std::int64_t sequence, const AttentionRule& rule, int member) {
  const int width = sharding.exchanging();
  const auto positions = [&](int of) { return gathered_rows(sharding.layout, sequence, sharding.cp, of * width, width).positions; };
  const PositionRuns queries = positions(member);
  std::vector<BlockPart> parts;
  for (int other = 0; other < sharding.ring(); ++other) parts.push_back(visible_part(rule, queries, positions(other)));
  return parts;
}

BlockPart gathered_block(const ContextSharding& sharding, std::int64_t sequence, const AttentionRule& rule, int rank) {
  return visible_part(rule, owned_positions(sharding.layout, sequence, sharding.cp, rank), {{0, sequence, 1}});
}

PairCount count_pairs(const ContextSharding& sharding, std::int64_t sequence, const AttentionRule& rule, const AttentionTiles& tiles) {
  PairCount sum;
  const bool gathers = sharding.attention == AttentionSharding::gather_kv;
  for (int member = 0; member < sharding.ring(); ++member) {
    if (gathers)
      add(sum, gathered_block(sharding, sequence, rule, member), tiles);
    else
      for (const BlockPart& part : ring_blocks(sharding, sequence, rule, member)) add(sum, part, tiles);
  }
  return sum;
}

}  // namespace ergon
