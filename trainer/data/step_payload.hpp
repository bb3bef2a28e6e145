// SPDX-License-Identifier: Apache-2.0
// What is broadcast of a step: words of int32, a row a sample, no larger than it must be, because the thread that reads fills it.
//
// A row of T tokens: labels that count, documents that begin behind its first token, T + 1 ids of 2 or 4 bytes, then T bytes of marks; or,
// where every label counts and they fit there, the places at which documents begin.
//
// Example, T = 4, ab|cde| read from the start, documents kept apart: 3, 1, a b c d e, marks 1 0 3 1: the label of b is none, c begins one.
//
// The same, documents not kept apart: 4, 1, a b c d e, and the place 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "parallel/plan/batch_payload.hpp"

namespace ergon {

inline constexpr std::uint8_t label_counts = 1, document_begins = 2;  // marks

// A view of one row; all three types are const for a row that is only read.
template <typename Word, typename Mark, typename Byte>
struct BasicPayloadRow {
  BasicPayloadRow(Word* row, std::int64_t sequence, std::int64_t token_bytes)
      : valid(row[0]),
        begun(row[1]),
        ids(reinterpret_cast<Byte*>(row + 2), static_cast<std::size_t>((sequence + 1) * token_bytes)),
        marks(reinterpret_cast<Mark*>(row + payload_words(sequence, token_bytes) - (sequence + 3) / 4),
              static_cast<std::size_t>(sequence)) {}

  // Instead of the marks.
  bool lists_begins() const { return valid == std::ssize(marks) && begun <= (std::ssize(marks) + 3) / 4; }
  std::span<Word> begins() const { return {reinterpret_cast<Word*>(marks.data()), static_cast<std::size_t>(begun)}; }

  Word &valid, &begun;
  std::span<Byte> ids;    // T + 1
  std::span<Mark> marks;  // T
};
using PayloadRow = BasicPayloadRow<std::int32_t, std::uint8_t, std::byte>;
using ReadPayloadRow = BasicPayloadRow<const std::int32_t, const std::uint8_t, const std::byte>;

}  // namespace ergon
