// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/document_packing.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <numeric>

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::vector<std::uint64_t> offsets_of(const std::vector<std::uint64_t>& lengths) {
  std::vector<std::uint64_t> offsets = {0};
  for (const std::uint64_t length : lengths) offsets.push_back(offsets.back() + length);
  return offsets;
}

// The rule by search over all samples.
PackedSamples slowly(const std::vector<std::uint64_t>& lengths, std::uint64_t T) {
  std::vector<PackedPiece> pieces;
  std::uint64_t begin = 0;
  for (const std::uint64_t length : lengths) {
    for (std::uint64_t done = 0; done < length; done += T)
      pieces.push_back({begin + done, static_cast<std::uint32_t>(std::min(T, length - done))});
    begin += length;
  }
  std::ranges::stable_sort(pieces, std::ranges::greater(), &PackedPiece::tokens);
  struct Sample {
    std::vector<PackedPiece> pieces;
    std::uint64_t room;
    std::size_t put;  // when it was last put into
  };
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    Sample* best = nullptr;
    for (Sample& sample : samples)
      if (sample.room >= pieces[i].tokens && (!best || std::pair(sample.room, best->put) < std::pair(best->room, sample.put)))
        best = &sample;
    if (!best) best = &samples.emplace_back(Sample{{}, T, 0});
    best->pieces.push_back(pieces[i]);
    best->room -= pieces[i].tokens;
    best->put = i;
  }
  PackedSamples packing;
  for (const Sample& sample : samples) {
    packing.pieces.insert(packing.pieces.end(), sample.pieces.begin(), sample.pieces.end());
    packing.first_piece.push_back(packing.pieces.size());
  }
  return packing;
}

}  // namespace

TEST_CASE("lengths 10 5 3 2 7 into samples of 8 give [8] [7] [5 3] [2 2]") {
  const PackedSamples packing = pack_best_fit(offsets_of({10, 5, 3, 2, 7}), std::vector<DocumentRange>{{0, 5}}, 8);

  CHECK(packing.first_piece == std::vector<std::uint64_t>{0, 1, 2, 4, 6});
  CHECK(packing.pieces == std::vector<PackedPiece>{{0, 8}, {20, 7}, {10, 5}, {15, 3}, {8, 2}, {18, 2}});
  CHECK(packing.tokens() == 27);
  CHECK(packing.sample(2).size() == 2);
}

TEST_CASE("the packing equals the rule by search, for any lengths") {
  CHECK(rc::check([] {
    const auto T = *rc::gen::inRange<std::uint64_t>(1, 20);
    const auto lengths = *rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(1, 45));
    const PackedSamples packing =
        pack_best_fit(offsets_of(lengths), std::vector<DocumentRange>{{0, lengths.size()}}, static_cast<std::int64_t>(T));
    RC_ASSERT(packing == slowly(lengths, T));
  }));
}

TEST_CASE("every token of the ranges stands in one piece, and no sample is too full") {
  std::vector<std::uint64_t> lengths;
  for (std::uint64_t i = 0; i < 5000; ++i) lengths.push_back(1 + i * i * 7919 % 700);
  const std::vector<std::uint64_t> offsets = offsets_of(lengths);
  const std::vector<DocumentRange> documents = {{3, 1000}, {1500, 1501}, {2000, 5000}};

  const PackedSamples packing = pack_best_fit(offsets, documents, 512);

  std::vector<int> seen(offsets.back());
  for (std::int64_t s = 0; s < packing.samples(); ++s) {
    std::uint32_t sum = 0;
    for (const PackedPiece& piece : packing.sample(s)) {
      sum += piece.tokens;
      for (std::uint64_t i = 0; i < piece.tokens; ++i) ++seen[piece.begin + i];
      // Of one document: no document starts inside the piece.
      CHECK(*std::ranges::upper_bound(offsets, piece.begin) >= piece.begin + piece.tokens);
    }
    CHECK(sum <= 512);
  }
  for (std::uint64_t d = 0; d < lengths.size(); ++d) {
    const bool packed = std::ranges::any_of(documents, [&](const DocumentRange& range) { return d >= range.begin && d < range.end; });
    CHECK(std::count(seen.begin() + static_cast<std::ptrdiff_t>(offsets[d]), seen.begin() + static_cast<std::ptrdiff_t>(offsets[d + 1]),
                     packed) == static_cast<std::ptrdiff_t>(lengths[d]));
  }
  // Hardly anything is left empty: less than 2 % here.
  CHECK(static_cast<double>(packing.tokens()) > 0.98 * static_cast<double>(packing.samples()) * 512);
  CHECK(pack_best_fit(offsets, {}, 512).samples() == 0);
}
