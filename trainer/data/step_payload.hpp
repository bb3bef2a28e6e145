// SPDX-License-Identifier: Apache-2.0
// What is broadcast of a step: words of int32, a row a sample, no larger than it must be, because the thread that reads fills it.
//
// A row of T tokens: labels that count, documents that begin behind its first token, T + 1 ids of 2 or 4 bytes, then T bytes of marks.
// Documents are looked for where they are kept apart. Where every label counts and none begins, nobody writes or reads the marks.
//
// Example, T = 4, ab|cde| read from the start, documents kept apart: 3, 1, a b c d e, marks 1 0 3 1: the label of b is none, c begins one.
//
// The same, documents not kept apart: 4, 0, a b c d e.
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

  bool has_marks() const { return valid < std::ssize(marks) || begun > 0; }

  Word &valid, &begun;
  std::span<Byte> ids;    // T + 1
  std::span<Mark> marks;  // T
};
using PayloadRow = BasicPayloadRow<std::int32_t, std::uint8_t, std::byte>;
using ReadPayloadRow = BasicPayloadRow<const std::int32_t, const std::uint8_t, const std::byte>;

}  // namespace ergon
