// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/shard_box.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {

std::string extents_text(const Extents& extents) { return fmt::format("[{}]", fmt::join(extents, ", ")); }

namespace {

// Calls visit(position in box, offset of its first element in the tensor, length) for each row (innermost run) of the piece, in order.
template <typename Visit>
void for_rows(const Extents& strides, const Piece& piece, Visit visit) {
  const ShardBox& box = piece.box;
  const std::size_t dims = box.extent.size();
  const std::int64_t row = dims == 0 ? 1 : box.extent.back();
  for (std::int64_t at = piece.range.begin; at < piece.range.end;) {
    std::int64_t rest = at / row, tensor = 0;
    for (std::size_t d = dims; d-- > 0;) {
      const std::int64_t index = d + 1 == dims ? at % row : rest % box.extent[d];
      if (d + 1 != dims) rest /= box.extent[d];
      tensor += (box.offset[d] + index) * strides[d];
    }
    const std::int64_t length = std::min(row - at % row, piece.range.end - at);
    visit(at - piece.range.begin, tensor, length);
    at += length;
  }
}

Extents row_major_strides(const Extents& shape) {
  Extents strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

// A run of elements of the tensor held by a piece.
struct Held {
  std::int64_t tensor, length, position;
};

// In increasing tensor order; adjoining rows become one run.
std::vector<Held> held_runs(const Extents& strides, const Piece& piece) {
  std::vector<Held> runs;
  for_rows(strides, piece, [&](std::int64_t position, std::int64_t tensor, std::int64_t length) {
    if (!runs.empty() && runs.back().tensor + runs.back().length == tensor)
      runs.back().length += length;
    else
      runs.push_back({tensor, length, position});
  });
  return runs;
}

// A shape that holds both boxes: offsets within it order elements as the true shape does.
Extents enclosing_shape(const ShardBox& a, const ShardBox& b) {
  Extents shape(a.extent.size());
  for (std::size_t d = 0; d < shape.size(); ++d) shape[d] = std::max(a.offset[d] + a.extent[d], b.offset[d] + b.extent[d]);
  return shape;
}

bool apart(const ShardBox& a, const ShardBox& b) {
  for (std::size_t d = 0; d < a.extent.size(); ++d)
    if (a.offset[d] >= b.offset[d] + b.extent[d] || b.offset[d] >= a.offset[d] + a.extent[d]) return true;
  return false;
}

void check_piece(const std::string& name, const Extents& shape, const Piece& piece) {
  const auto refuse = [&](const std::string& what) { throw Error(what, name, "the piece list of this tensor is damaged", ExitCode::data); };
  const ShardBox& box = piece.box;
  if (box.offset.size() != shape.size() || box.extent.size() != shape.size())
    refuse(fmt::format("a piece of {} dims in a tensor of {}", box.extent.size(), shape.size()));
  for (std::size_t d = 0; d < shape.size(); ++d)
    if (box.offset[d] < 0 || box.extent[d] < 0 || box.extent[d] > shape[d] || box.offset[d] > shape[d] - box.extent[d])
      refuse(fmt::format("a piece reaches outside the tensor: offset {} extent {} in dim {} of size {}", box.offset[d], box.extent[d], d,
                         shape[d]));
  if (piece.range.begin < 0 || piece.range.begin > piece.range.end || piece.range.end > num_elements(box.extent))
    refuse(fmt::format("a piece holds the range [{}, {}) of a box of {} elements", piece.range.begin, piece.range.end,
                       num_elements(box.extent)));
}

}  // namespace

std::int64_t num_elements(const Extents& shape) {
  std::int64_t count = 1;
  for (std::int64_t extent : shape) count *= extent;
  return count;
}

ShardBox whole(const Extents& shape) { return {Extents(shape.size(), 0), shape}; }
Piece whole_piece(const ShardBox& box) { return {box, {0, num_elements(box.extent)}}; }

std::vector<CopyRun> intersect(const Piece& source, const Piece& target) {
  ERGON_CHECK(source.box.extent.size() == target.box.extent.size(), "pieces of {} and {} dims", source.box.extent.size(),
              target.box.extent.size());
  std::vector<CopyRun> common;
  if (source.range.size() == 0 || target.range.size() == 0 || apart(source.box, target.box)) return common;
  const Extents strides = row_major_strides(enclosing_shape(source.box, target.box));
  const std::vector<Held> from = held_runs(strides, source), to = held_runs(strides, target);
  for (std::size_t i = 0, j = 0; i < from.size() && j < to.size();) {
    const std::int64_t begin = std::max(from[i].tensor, to[j].tensor);
    const std::int64_t end = std::min(from[i].tensor + from[i].length, to[j].tensor + to[j].length);
    if (begin < end) {
      const CopyRun run{from[i].position + begin - from[i].tensor, to[j].position + begin - to[j].tensor, end - begin};
      if (!common.empty() && common.back().source + common.back().length == run.source &&
          common.back().target + common.back().length == run.target)
        common.back().length += run.length;
      else
        common.push_back(run);
    }
    if (from[i].tensor + from[i].length == end)
      ++i;
    else
      ++j;
  }
  return common;
}

void check_cover(const std::string& name, const Extents& shape, const std::vector<Piece>& pieces) {
  const Extents strides = row_major_strides(shape);
  std::vector<Held> runs;
  for (const Piece& piece : pieces) {
    check_piece(name, shape, piece);
    if (piece.range.size() == 0) continue;
    for (const Held& run : held_runs(strides, piece)) runs.push_back(run);
  }
  std::sort(runs.begin(), runs.end(), [](const Held& a, const Held& b) { return a.tensor < b.tensor; });
  std::int64_t covered = 0;
  const char* hint = "the file set is incomplete or damaged: `ergon checkpoint verify` says which file";
  for (const Held& run : runs) {
    if (run.tensor > covered)
      throw Error(fmt::format("elements [{}, {}) are in no piece", covered, run.tensor), name, hint, ExitCode::data);
    if (run.tensor < covered)
      throw Error(fmt::format("elements [{}, {}) are in more than one piece", run.tensor, std::min(covered, run.tensor + run.length)), name,
                  hint, ExitCode::data);
    covered = run.tensor + run.length;
  }
  if (covered != num_elements(shape))
    throw Error(fmt::format("elements [{}, {}) are in no piece", covered, num_elements(shape)), name, hint, ExitCode::data);
}

}  // namespace ergon
