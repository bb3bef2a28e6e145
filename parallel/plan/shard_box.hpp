// SPDX-License-Identifier: Apache-2.0
// Which part of a global tensor a rank holds: a box of it, and within that box, read in row-major order, a range of elements.
//
// Example: a [4, 6] tensor, columns cut over tp = 2: rank 1 holds the box offset {0, 3}, extent {4, 3}, which has 12 elements. Cut once
// more over dp = 2 (ZeRO): dp rank 1 holds the range [6, 12) of that box, rows 2 and 3 of the columns 3..5.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ergon {

using Extents = std::vector<std::int64_t>;
std::string extents_text(const Extents& extents);  // "[2, 3]"

struct ShardBox {
  Extents offset, extent;
  bool operator==(const ShardBox&) const = default;
};

struct ElementRange {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
  bool operator==(const ElementRange&) const = default;
};

// A piece: a range of a box. Checkpoints store pieces; loading intersects them.
struct Piece {
  ShardBox box;
  ElementRange range;
  bool operator==(const Piece&) const = default;
};

std::int64_t num_elements(const Extents& shape);
ShardBox whole(const Extents& shape);
Piece whole_piece(const ShardBox& box);

// A run of elements that two pieces share: `length` elements that lie one after another in both, at these positions counted from each
// piece's first element.
struct CopyRun {
  std::int64_t source, target, length;
  bool operator==(const CopyRun&) const = default;
};
// Everything that `source` and `target`, pieces of one tensor, have in common, as runs in increasing target order.
std::vector<CopyRun> intersect(const Piece& source, const Piece& target);

// Throws Error (ExitCode::data; where = name) unless the pieces cover a tensor of this shape exactly once: no hole, no overlap, no piece
// outside.
void check_cover(const std::string& name, const Extents& shape, const std::vector<Piece>& pieces);

}  // namespace ergon
