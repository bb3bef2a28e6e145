// SPDX-License-Identifier: Apache-2.0
// How the owners of ZeRO share a flat buffer: n equal ranges of a padded length, cut without regard for tensors or rows.
//
// Example: 100 elements over 3 ranks in multiples of 16: 48 a rank, padded to 144; rank 2 owns [96, 144), of which 4 are real. A tensor
// that lies at [90, 100) is cut: rank 1 owns its elements [0, 6), rank 2 [6, 10).
#pragma once

#include <cstdint>

#include "parallel/plan/shard_box.hpp"

namespace ergon {

struct ZeroPartition {
  std::int64_t elements = 0;  // real ones
  std::int64_t per_rank = 0;  // a multiple of the alignment
  int ranks = 1;

  std::int64_t padded() const { return per_rank * ranks; }
  ElementRange range(int rank) const;  // of the padded buffer
  ElementRange real(int rank) const;   // the same without padding; empty when the rank owns padding only
  // What `rank` owns of a tensor that fills `tensor` of the buffer, counted from the tensor's first element; empty ranges are [0, 0).
  ElementRange owned(int rank, const ElementRange& tensor) const;
};

// 16 elements of 4 bytes are one cache line.
ZeroPartition partition_flat(std::int64_t elements, int ranks, std::int64_t alignment = 16);

}  // namespace ergon
