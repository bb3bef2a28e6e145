// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/sequence_layout.hpp"

#include <algorithm>
#include <numeric>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

const SequenceLayout all_layouts[] = {SequenceLayout::contiguous, SequenceLayout::zigzag, SequenceLayout::striped};

std::int64_t causal_pairs(SequenceLayout layout, std::int64_t sequence, int cp, int rank) {
  BlockMask mask = causal_mask(sequence);
  mask.queries = owned_positions(layout, sequence, cp, rank);
  return mask.visible_pairs();
}

}  // namespace

TEST_CASE("sequence_layout: the header's example") {
  using P = std::vector<std::int64_t>;
  CHECK(layout_permutation(SequenceLayout::contiguous, 8, 2) == P{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(layout_permutation(SequenceLayout::zigzag, 8, 2) == P{0, 1, 6, 7, 2, 3, 4, 5});
  CHECK(layout_permutation(SequenceLayout::striped, 8, 2) == P{0, 2, 4, 6, 1, 3, 5, 7});
  CHECK(causal_pairs(SequenceLayout::contiguous, 8, 2, 0) == 10);
  CHECK(causal_pairs(SequenceLayout::contiguous, 8, 2, 1) == 26);
  CHECK(causal_pairs(SequenceLayout::zigzag, 8, 2, 0) == 18);
  CHECK(causal_pairs(SequenceLayout::zigzag, 8, 2, 1) == 18);
  CHECK(causal_pairs(SequenceLayout::striped, 8, 2, 0) == 16);
  CHECK(causal_pairs(SequenceLayout::striped, 8, 2, 1) == 20);
}

TEST_CASE("sequence_layout: every position once; zigzag is balanced exactly") {
  for (SequenceLayout layout : all_layouts)
    for (int cp : {1, 2, 3, 4, 8}) {
      const std::int64_t sequence = 5 * sequence_multiple(layout, cp);
      std::vector<std::int64_t> positions = layout_permutation(layout, sequence, cp), all(static_cast<std::size_t>(sequence));
      std::sort(positions.begin(), positions.end());
      std::iota(all.begin(), all.end(), 0);
      CHECK(positions == all);
      std::int64_t pairs = 0;
      for (int rank = 0; rank < cp; ++rank) {
        pairs += causal_pairs(layout, sequence, cp, rank);
        if (layout == SequenceLayout::zigzag) CHECK(causal_pairs(layout, sequence, cp, rank) == causal_pairs(layout, sequence, cp, 0));
      }
      CHECK(pairs == sequence * (sequence + 1) / 2);
    }
}

TEST_CASE("sequence_layout: a sequence that does not divide is refused") {
  try {
    owned_positions(SequenceLayout::zigzag, 10, 2, 0);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.where() == "model.sequence");
    CHECK(error.hint() == "set model.sequence to a multiple of 4, for instance 12");
  }
  CHECK_NOTHROW(owned_positions(SequenceLayout::contiguous, 10, 2, 0));
  CHECK_THROWS_AS(owned_positions(SequenceLayout::contiguous, 10, 2, 2), Bug);
}

}  // namespace ergon
