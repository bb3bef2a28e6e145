// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/document_packing.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "configs/error.hpp"

namespace ergon {
namespace {

std::vector<PackedPiece> cut(std::span<const std::uint64_t> offsets, std::span<const DocumentRange> documents, std::uint64_t sequence) {
  std::vector<PackedPiece> pieces;
  for (const DocumentRange& range : documents)
    for (std::uint64_t d = range.begin; d < range.end; ++d)
      for (std::uint64_t begin = offsets[d]; begin < offsets[d + 1]; begin += sequence)
        pieces.push_back({begin, static_cast<std::uint32_t>(std::min(sequence, offsets[d + 1] - begin))});
  return pieces;
}

// By falling length, equals in order: a counting sort, as lengths are at most T.
std::vector<std::size_t> by_falling_length(const std::vector<PackedPiece>& pieces, std::size_t sequence) {
  std::vector<std::size_t> next(sequence + 1);  // where the next piece of a length goes
  for (const PackedPiece& piece : pieces) ++next[piece.tokens];
  std::size_t place = 0;
  for (std::size_t length = sequence + 1; length-- > 0;) place += std::exchange(next[length], place);
  std::vector<std::size_t> sorted(pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) sorted[next[pieces[i].tokens]++] = i;
  return sorted;
}

// Samples by the room that is left in them.
class Rooms {
 public:
  explicit Rooms(std::size_t sequence) : sequence_(static_cast<std::uint32_t>(sequence)), samples_(sequence + 1) {}

  // The sample that a piece of so many tokens goes into.
  std::uint64_t place(std::uint32_t tokens) {
    const auto found = open_.lower_bound(tokens);
    std::uint32_t room = sequence_;
    std::uint64_t sample = opened_;
    if (found == open_.end()) {
      ++opened_;
    } else {
      room = *found;
      sample = samples_[room].back();
      samples_[room].pop_back();
      if (samples_[room].empty()) open_.erase(found);
    }
    if (const std::uint32_t left = room - tokens; left > 0) {
      if (samples_[left].empty()) open_.insert(left);
      samples_[left].push_back(sample);
    }
    return sample;
  }
  std::uint64_t opened() const { return opened_; }

 private:
  std::uint32_t sequence_;
  std::vector<std::vector<std::uint64_t>> samples_;  // by room, the last put into at the end
  std::set<std::uint32_t> open_;                     // rooms that a sample has
  std::uint64_t opened_ = 0;
};

}  // namespace

std::span<const PackedPiece> PackedSamples::sample(std::int64_t index) const {
  ERGON_CHECK(index >= 0 && index < samples(), "sample {} of {}", index, samples());
  const auto i = static_cast<std::size_t>(index);
  return std::span(pieces).subspan(first_piece[i], first_piece[i + 1] - first_piece[i]);
}

std::int64_t PackedSamples::tokens() const {
  return std::accumulate(pieces.begin(), pieces.end(), std::int64_t{0},
                         [](std::int64_t sum, const PackedPiece& piece) { return sum + piece.tokens; });
}

PackedSamples pack_best_fit(std::span<const std::uint64_t> offsets, std::span<const DocumentRange> documents, std::int64_t sequence) {
  ERGON_CHECK(sequence >= 1 && sequence <= INT32_MAX, "a sequence of {} tokens", sequence);
  const auto T = static_cast<std::size_t>(sequence);
  const std::vector<PackedPiece> pieces = cut(offsets, documents, T);
  const std::vector<std::size_t> sorted = by_falling_length(pieces, T);
  Rooms rooms(T);
  std::vector<std::uint64_t> sample_of;
  sample_of.reserve(sorted.size());
  for (const std::size_t i : sorted) sample_of.push_back(rooms.place(pieces[i].tokens));

  PackedSamples packing;
  packing.first_piece.assign(rooms.opened() + 1, 0);
  for (const std::uint64_t sample : sample_of) ++packing.first_piece[sample + 1];
  std::partial_sum(packing.first_piece.begin(), packing.first_piece.end(), packing.first_piece.begin());
  std::vector<std::uint64_t> next(packing.first_piece.begin(), packing.first_piece.end() - 1);
  packing.pieces.resize(pieces.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) packing.pieces[next[sample_of[i]]++] = pieces[sorted[i]];
  return packing;
}

}  // namespace ergon
