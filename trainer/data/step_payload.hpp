// SPDX-License-Identifier: Apache-2.0
// What is broadcast of a step: int32, a row a sample, no larger than it must be, because the thread that reads fills it.
//
// A row of T tokens: labels that count, documents that begin behind its first token, T + 1 tokens as they are stored, then T bytes of
// marks; or, where every label counts and they fit there, the places at which documents begin. Example, T = 4, ab|cde| read from the start,
// documents kept apart: 3, 1, a b c d e, marks 1 0 3 1: the label of b is none, c begins one. The same, documents not kept apart: 4, 1, a b
// c d e, 2.
#pragma once

#include <cstdint>
#include <span>

namespace ergon {

inline constexpr std::uint8_t label_counts = 1, document_begins = 2;  // marks

constexpr std::int64_t payload_words(std::int64_t sequence) { return 2 + (sequence + 1) + (sequence + 3) / 4; }

// A view of one row; Word is int32 or const int32.
template <typename Word, typename Byte>
struct BasicPayloadRow {
  BasicPayloadRow(Word* row, std::int64_t sequence)
      : valid(row[0]),
        begun(row[1]),
        tokens(row + 2, static_cast<std::size_t>(sequence) + 1),
        marks(reinterpret_cast<Byte*>(row + 3 + sequence), static_cast<std::size_t>(sequence)) {}
  // Instead of the marks.
  bool lists_begins() const { return valid == std::ssize(marks) && begun <= (std::ssize(marks) + 3) / 4; }
  std::span<Word> begins() const { return {tokens.data() + tokens.size(), static_cast<std::size_t>(begun)}; }

  Word &valid, &begun;
  std::span<Word> tokens;  // T + 1
  std::span<Byte> marks;   // T
};
using PayloadRow = BasicPayloadRow<std::int32_t, std::uint8_t>;
using ReadPayloadRow = BasicPayloadRow<const std::int32_t, const std::uint8_t>;

}  // namespace ergon
