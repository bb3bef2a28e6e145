// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/zero_partition.hpp"

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {

ElementRange ZeroPartition::range(int rank) const {
  ERGON_CHECK(rank >= 0 && rank < ranks, "owner {} of {}", rank, ranks);
  return {rank * per_rank, (rank + 1) * per_rank};
}

ElementRange ZeroPartition::real(int rank) const {
  const ElementRange all = range(rank);
  return {std::min(all.begin, elements), std::min(all.end, elements)};
}

ElementRange ZeroPartition::owned(int rank, const ElementRange& tensor) const {
  const ElementRange mine = range(rank);
  const std::int64_t begin = std::max(mine.begin, tensor.begin), end = std::min(mine.end, tensor.end);
  if (begin >= end) return {};
  return {begin - tensor.begin, end - tensor.begin};
}

ZeroPartition partition_flat(std::int64_t elements, int ranks, std::int64_t alignment) {
  ERGON_CHECK(elements >= 0 && ranks >= 1 && alignment >= 1, "{} elements over {} ranks in multiples of {}", elements, ranks, alignment);
  const std::int64_t multiple = alignment * ranks;
  return {elements, (elements + multiple - 1) / multiple * alignment, ranks};
}

}  // namespace ergon
