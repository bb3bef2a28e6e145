// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/context_blocks.hpp"

#include <algorithm>

#include "configs/error.hpp"
#include "parallel/plan/sequence_layout.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

constexpr SequenceLayout layouts[] = {SequenceLayout::contiguous, SequenceLayout::zigzag, SequenceLayout::striped};
constexpr AttentionSharding shardings[] = {AttentionSharding::ring, AttentionSharding::ulysses, AttentionSharding::gather_kv,
                                           AttentionSharding::hybrid};

std::vector<std::int64_t> positions(const PositionRuns& runs) {
  std::vector<std::int64_t> result;
  for (const PositionRun& run : runs)
    for (std::int64_t i = 0; i < run.length; ++i) result.push_back(run.start + i * run.stride);
  return result;
}

std::vector<AttentionRule> rules() {
  return {{}, {.causal = false}, {.window = 5}, {.document_starts = {0, 7, 30}}, {.causal = false, .document_starts = {0, 20}}};
}

}  // namespace

TEST_CASE("context_blocks: the header's example, which is the half blocks of zigzag") {
  const ContextSharding ring{AttentionSharding::ring, SequenceLayout::zigzag, 2, 1};
  const std::vector<BlockPart> first = ring_blocks(ring, 8, {}, 0), second = ring_blocks(ring, 8, {}, 1);
  CHECK((first[1].first_query == 2 && first[1].queries == 2 && first[1].first_key == 0 && first[1].keys == 4));
  CHECK((second[0].first_query == 0 && second[0].queries == 4 && second[0].first_key == 0 && second[0].keys == 2));
  for (const BlockPart& half : {first[1], second[0]}) {
    CHECK(half.mask.kind() == BlockKind::full);
    CHECK(half.mask.visible_pairs() == 8);
  }
  CHECK((first[0].queries == 4 && first[0].keys == 4 && first[0].mask.kind() == BlockKind::partial));
}

TEST_CASE("context_blocks: zigzag halves for every rank: earlier members give their first half, later ones are for the second half") {
  for (const int ranks : {2, 3, 4, 8}) {
    const std::int64_t sequence = 6 * ranks, rows = 6;
    for (int rank = 0; rank < ranks; ++rank) {
      const auto blocks = ring_blocks({AttentionSharding::ring, SequenceLayout::zigzag, ranks, 1}, sequence, {}, rank);
      for (int other = 0; other < ranks; ++other) {
        const BlockPart& part = blocks[static_cast<std::size_t>(other)];
        if (other == rank) continue;
        CHECK(part.first_query == (other < rank ? 0 : rows / 2));
        CHECK(part.queries == (other < rank ? rows : rows / 2));
        CHECK(part.first_key == 0);
        CHECK(part.keys == (other < rank ? rows / 2 : rows));
        CHECK(part.mask.kind() == BlockKind::full);
      }
    }
  }
}

TEST_CASE("context_blocks: gathered rows hold each position once, and each rank's rows stand where its positions are") {
  for (const SequenceLayout layout : layouts)
    for (const int cp : {1, 2, 4, 6})
      for (const int ranks : {1, 2, cp})
        for (int first = 0; first + ranks <= cp; first += ranks) {
          const std::int64_t sequence = 24;
          const GatheredRows gathered = gathered_rows(layout, sequence, cp, first, ranks);
          const auto all = positions(gathered.positions);
          REQUIRE(static_cast<std::int64_t>(all.size()) == ranks * sequence / cp);
          REQUIRE(static_cast<int>(gathered.rows.size()) == ranks);
          for (int rank = 0; rank < ranks; ++rank) {
            const auto own = positions(owned_positions(layout, sequence, cp, first + rank));
            const auto rows = positions(gathered.rows[static_cast<std::size_t>(rank)]);
            REQUIRE(rows.size() == own.size());
            for (std::size_t i = 0; i < rows.size(); ++i) CHECK(all[static_cast<std::size_t>(rows[i])] == own[i]);
          }
        }
  // All ranks together: the sequence in its own order.
  CHECK(gathered_rows(SequenceLayout::striped, 24, 4, 0, 4).positions == PositionRuns{{0, 24, 1}});
  // Adjacent ranks of zigzag hold what zigzag gives one rank of half as many: two runs.
  CHECK(gathered_rows(SequenceLayout::zigzag, 24, 4, 2, 2).positions == owned_positions(SequenceLayout::zigzag, 24, 2, 1));
}

TEST_CASE("context_blocks: what a part leaves out has no visible pair") {
  for (const SequenceLayout layout : layouts)
    for (const AttentionRule& rule : rules())
      for (int rank = 0; rank < 4; ++rank) {
        const auto blocks = ring_blocks({AttentionSharding::ring, layout, 4, 1}, 40, rule, rank);
        for (int other = 0; other < 4; ++other) {
          BlockMask whole = whole_mask(rule, 40);
          whole.queries = owned_positions(layout, 40, 4, rank);
          whole.keys = owned_positions(layout, 40, 4, other);
          const BlockPart& part = blocks[static_cast<std::size_t>(other)];
          CHECK(part.empty() == (whole.kind() == BlockKind::empty));
          CHECK((part.empty() ? 0 : part.mask.visible_pairs()) == whole.visible_pairs());
          CHECK((part.empty() || (part.mask.num_queries() == part.queries && part.mask.num_keys() == part.keys)));
        }
      }
}

TEST_CASE("context_blocks: all ranks together see every visible pair once, and compute what their kernels would") {
  const AttentionTiles exact{.queries = 1, .keys = 1}, whole{.skips_empty = false};
  for (const AttentionSharding sharding : shardings)
    for (const SequenceLayout layout : layouts)
      for (const int cp : {1, 2, 4})
        for (const AttentionRule& rule : rules()) {
          const ContextSharding cut{sharding, layout, cp, cp == 4 ? 2 : 1};
          const PairCount pairs = count_pairs(cut, 48, rule, exact);
          CHECK(pairs.visible == whole_mask(rule, 48).visible_pairs());
          CHECK(pairs.computed == pairs.visible);
        }
  // Without skipping: the square of one softmax a query; of a causal zigzag ring a square a rank and halves beside it.
  CHECK(count_pairs({AttentionSharding::ulysses, SequenceLayout::zigzag, 4, 1}, 48, {}, whole).computed == 48 * 48);
  CHECK(count_pairs({AttentionSharding::gather_kv, SequenceLayout::zigzag, 4, 1}, 48, {}, whole).computed == 48 * 48);
  CHECK(count_pairs({AttentionSharding::ring, SequenceLayout::zigzag, 4, 1}, 48, {}, whole).computed == 4 * (144 + 3 * 72));
}

TEST_CASE("context_blocks: which ranks exchange heads, which are a ring; ranks beyond the sequence's are a bug") {
  using enum AttentionSharding;
  CHECK((ContextSharding{ring, SequenceLayout::zigzag, 6, 1}.exchanging() == 1 &&
         ContextSharding{ring, SequenceLayout::zigzag, 6, 1}.ring() == 6));
  CHECK((ContextSharding{ulysses, SequenceLayout::zigzag, 6, 1}.exchanging() == 6 &&
         ContextSharding{ulysses, SequenceLayout::zigzag, 6, 1}.ring() == 1));
  CHECK((ContextSharding{hybrid, SequenceLayout::zigzag, 6, 2}.exchanging() == 2 &&
         ContextSharding{hybrid, SequenceLayout::zigzag, 6, 2}.ring() == 3));
  CHECK(ContextSharding{gather_kv, SequenceLayout::zigzag, 6, 2}.exchanging() == 1);
  MeshSection mesh;
  mesh.cp = 4;
  mesh.attention = hybrid;
  mesh.ulysses = 2;
  CHECK(context_sharding(mesh).ring() == 2);
  CHECK_THROWS_AS(gathered_rows(SequenceLayout::zigzag, 24, 4, 3, 2), Bug);
}

}  // namespace ergon
