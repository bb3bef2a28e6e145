// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/sequence_layout.hpp"

#include "configs/error.hpp"

namespace ergon {

std::int64_t sequence_multiple(SequenceLayout layout, int cp) { return layout == SequenceLayout::zigzag && cp > 1 ? 2 * cp : cp; }

std::vector<PositionRun> owned_positions(SequenceLayout layout, std::int64_t sequence, int cp, int cp_rank) {
  ERGON_CHECK(cp >= 1 && cp_rank >= 0 && cp_rank < cp, "context rank {} of {}", cp_rank, cp);
  const std::int64_t multiple = sequence_multiple(layout, cp);
  if (sequence % multiple != 0)
    throw Error(fmt::format("a sequence of {} cannot be cut into {} equal parts", sequence, multiple), "model.sequence",
                fmt::format("set model.sequence to a multiple of {}, for instance {}", multiple, (sequence / multiple + 1) * multiple));
  if (cp == 1) return {{0, sequence, 1}};
  const std::int64_t chunk = sequence / multiple;
  switch (layout) {
    case SequenceLayout::zigzag:
      return {{cp_rank * chunk, chunk, 1}, {(multiple - 1 - cp_rank) * chunk, chunk, 1}};
    case SequenceLayout::striped:
      return {{cp_rank, chunk, cp}};
    case SequenceLayout::contiguous:
      break;
  }
  return {{cp_rank * chunk, chunk, 1}};
}

std::vector<std::int64_t> layout_permutation(SequenceLayout layout, std::int64_t sequence, int cp) {
  std::vector<std::int64_t> positions;
  positions.reserve(static_cast<std::size_t>(sequence));
  for (int rank = 0; rank < cp; ++rank)
    for (const PositionRun& run : owned_positions(layout, sequence, cp, rank))
      for (std::int64_t i = 0; i < run.length; ++i) positions.push_back(run.start + i * run.stride);
  return positions;
}

}  // namespace ergon
