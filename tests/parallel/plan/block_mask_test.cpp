// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/block_mask.hpp"

#include <random>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

std::vector<std::int64_t> expand(const std::vector<PositionRun>& runs) {
  std::vector<std::int64_t> positions;
  for (const PositionRun& run : runs)
    for (std::int64_t i = 0; i < run.length; ++i) positions.push_back(run.start + i * run.stride);
  return positions;
}

// The definition in the header, word by word.
bool sees(const BlockMask& mask, std::int64_t i, std::int64_t j) {
  const auto document = [&](std::int64_t at) {
    int number = 0;
    for (std::int64_t start : mask.document_starts) number += start <= at;
    return number;
  };
  return (!mask.causal || j <= i) && (mask.window == 0 || i - j < mask.window) && document(i) == document(j);
}

BlockKind kind_by_counting(const BlockMask& mask, std::int64_t q, std::int64_t nq, std::int64_t k, std::int64_t nk) {
  const auto rows = expand(mask.queries), columns = expand(mask.keys);
  std::int64_t seen = 0, all = 0;
  for (std::int64_t i = q; i < std::min<std::int64_t>(q + nq, rows.size()); ++i)
    for (std::int64_t j = k; j < std::min<std::int64_t>(k + nk, columns.size()); ++j) {
      seen += sees(mask, rows[i], columns[j]);
      ++all;
    }
  return seen == 0 ? BlockKind::empty : seen == all ? BlockKind::full : BlockKind::partial;
}

void check_against_counting(const BlockMask& mask) {
  const auto rows = expand(mask.queries), columns = expand(mask.keys);
  std::int64_t pairs = 0;
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < columns.size(); ++j) {
      const bool expected = sees(mask, rows[i], columns[j]);
      CHECK(mask.visible(i, j) == expected);
      pairs += expected;
    }
  CHECK(mask.visible_pairs() == pairs);
  CHECK(mask.kind() == kind_by_counting(mask, 0, rows.size(), 0, columns.size()));
  for (const auto& [tq, tk] : {std::pair<std::int64_t, std::int64_t>{2, 2}, {3, 5}, {4, 1}, {0, 0}, {7, 3}}) {
    const std::int64_t nq = tq > 0 ? tq : rows.size(), nk = tk > 0 ? tk : columns.size();
    std::int64_t computed = 0;
    for (std::int64_t q = 0; q < static_cast<std::int64_t>(rows.size()); q += nq)
      for (std::int64_t k = 0; k < static_cast<std::int64_t>(columns.size()); k += nk) {
        const BlockKind kind = kind_by_counting(mask, q, nq, k, nk);
        CHECK(mask.tile_kind(q, nq, k, nk) == kind);
        if (kind != BlockKind::empty)
          computed += std::min<std::int64_t>(nq, rows.size() - q) * std::min<std::int64_t>(nk, columns.size() - k);
      }
    CHECK(computed_pairs(mask, {.queries = tq, .keys = tk}) == computed);
    CHECK(computed_pairs(mask, {.queries = tq, .keys = tk, .skips_empty = false}) ==
          static_cast<std::int64_t>(rows.size() * columns.size()));
  }
}

}  // namespace

TEST_CASE("block_mask: the header's example") {
  const BlockMask mask = causal_mask(4);
  CHECK(mask.visible_pairs() == 10);
  CHECK(computed_pairs(mask, {.queries = 2, .keys = 2}) == 12);
  CHECK(mask.tile_kind(0, 2, 2, 2) == BlockKind::empty);
  CHECK(mask.tile_kind(2, 2, 0, 2) == BlockKind::full);
  CHECK(mask.kind() == BlockKind::partial);
}

TEST_CASE("block_mask: closed forms at full length") {
  CHECK(causal_mask(131072).visible_pairs() == 131072LL * 131073 / 2);
  CHECK(causal_mask(131072, 4096).visible_pairs() == 4096LL * 4097 / 2 + (131072LL - 4096) * 4096);
  CHECK(computed_pairs(causal_mask(131072), {.queries = 64, .keys = 64}) == 64LL * 64 * 2048 * 2049 / 2);
}

TEST_CASE("block_mask: against counting, hand-made masks") {
  for (std::int64_t window : {0, 1, 3, 100})
    for (const std::vector<std::int64_t>& documents : {std::vector<std::int64_t>{}, {0, 5, 6, 11}}) {
      BlockMask mask = causal_mask(13, window);
      mask.document_starts = documents;
      check_against_counting(mask);
      mask.queries = {{0, 3, 1}, {9, 3, 1}};  // zigzag
      check_against_counting(mask);
      mask.keys = {{1, 4, 3}};  // striped
      check_against_counting(mask);
      mask.queries = {{2, 4, 3}};
      check_against_counting(mask);
    }
  BlockMask full = causal_mask(9);
  full.causal = false;
  check_against_counting(full);
  full.document_starts = {0, 4};
  check_against_counting(full);
}

TEST_CASE("block_mask: against counting, queries that come long after the keys") {
  for (std::int64_t window : {0, 3, 7, 40})
    for (const std::int64_t first : {5, 12, 13, 24}) {
      BlockMask mask = causal_mask(12, window);
      mask.queries = {{first, 12, 1}};
      check_against_counting(mask);
    }
}

TEST_CASE("block_mask: against counting, random runs") {
  std::mt19937 random(7);
  const auto below = [&](int n) { return static_cast<std::int64_t>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 200; ++round) {
    BlockMask mask;
    for (auto* runs : {&mask.queries, &mask.keys}) {
      std::int64_t start = below(6);
      for (std::int64_t n = 1 + below(3); n > 0; --n) {
        runs->push_back({start, 1 + below(5), 1 + below(3)});
        start += 10 + below(8);
      }
    }
    mask.causal = below(4) != 0;
    mask.window = mask.causal ? below(3) * below(8) : 0;
    if (below(2) != 0) mask.document_starts = {0, 3 + below(5), 12 + below(9)};
    check_against_counting(mask);
  }
}

TEST_CASE("block_mask: misuse is a bug") {
  BlockMask mask = causal_mask(4, 2);
  mask.causal = false;
  CHECK_THROWS_AS(mask.kind(), Bug);
  CHECK_THROWS_AS(mask.visible_pairs(), Bug);
  CHECK_THROWS_AS(causal_mask(4).visible(4, 0), Bug);
}

}  // namespace ergon
