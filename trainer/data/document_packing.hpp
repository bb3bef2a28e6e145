// SPDX-License-Identifier: Apache-2.0
// Best-fit packing: documents placed whole into samples of T positions, so that as few as can be are cut and little is left empty.
//
// The rule, a pure function of document lengths and T: documents are taken in order, one longer than T is cut into pieces of T and a rest;
// pieces are placed by falling length, equals in order; each goes into the sample with the least room that holds it, of such samples the
// one that was last put into, or opens a new one. Samples are numbered as they are opened. O(n log T). Example: T = 8, lengths 10 5 3 2 7:
// pieces 8 7 5 3 2 2; samples [8] [7] [5 3] [2 2].
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "trainer/data/token_store.hpp"

namespace ergon {

// Tokens [begin, begin + tokens) of a store, of one document.
struct PackedPiece {
  std::uint64_t begin;
  std::uint32_t tokens;
  bool operator==(const PackedPiece&) const = default;
};

struct PackedSamples {
  std::vector<std::uint64_t> first_piece = {0};  // by sample, and the number of pieces
  std::vector<PackedPiece> pieces;               // of one sample together, in the order in which they were placed

  std::int64_t samples() const { return std::ssize(first_piece) - 1; }
  std::span<const PackedPiece> sample(std::int64_t index) const;
  std::int64_t tokens() const;  // of all pieces
  bool operator==(const PackedSamples&) const = default;
};

// `offsets`: where documents start, and the end; `documents`: the ranges that are packed. T from 1 to 2^31 - 1.
PackedSamples pack_best_fit(std::span<const std::uint64_t> offsets, std::span<const DocumentRange> documents, std::int64_t sequence);

}  // namespace ergon
