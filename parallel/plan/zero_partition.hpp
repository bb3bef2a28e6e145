// SPDX-License-Identifier: Apache-2.0
// How the owners of ZeRO share a flat buffer: each bucket is cut into n equal ranges, without regard for tensors or rows, and rank r owns
// the r-th of every bucket. Its shard is these ranges one after another, in the order of the buckets. So a bucket is what one
// reduce_scatter or all_gather moves, and no element is moved twice.
//
// Example: buckets [64, 160) and [0, 64) over 2 ranks. Rank 1 owns [112, 160) and [32, 64): elements [0, 48) and [48, 80) of its shard. A
// tensor that lies at [60, 120) is cut in three: rank 0 owns [4, 52) of it (shard [0, 48)), rank 1 [52, 60) (shard [0, 8)) and [0, 4)
// (shard [76, 80)).
#pragma once

#include <cstdint>
#include <vector>

#include "parallel/plan/bucket_plan.hpp"

namespace ergon {

// mesh.zero: what the ranks of dp x cp share instead of each having all of it.
enum class ZeroStage : std::uint8_t {
  none = 0,
  optimizer = 1,   // masters beside rounded weights, moments, summed gradients
  parameters = 3,  // weights and gradients too: whole only while a unit is at work
};

// A run of a tensor's elements that a rank owns.
struct OwnedRun {
  int bucket;
  ElementRange of_tensor, in_shard;
  bool operator==(const OwnedRun&) const = default;
};

class ZeroPartition {
 public:
  // Throws Bug for a bucket that does not divide into `ranks` equal parts.
  ZeroPartition(std::vector<Bucket> buckets, int ranks);

  int ranks() const { return ranks_; }
  const std::vector<Bucket>& buckets() const { return buckets_; }
  std::int64_t shard_elements() const { return in_shard_.empty() ? 0 : in_shard_.back().end; }
  ElementRange owned(int bucket, int rank) const;  // of the flat buffer
  ElementRange in_shard(int bucket) const { return in_shard_.at(static_cast<std::size_t>(bucket)); }
  // What `rank` owns of a tensor that fills `tensor` of the flat buffer, in the order of the buckets.
  std::vector<OwnedRun> runs(int rank, const ElementRange& tensor) const;

 private:
  std::vector<Bucket> buckets_;
  int ranks_;
  std::vector<ElementRange> in_shard_;
};

}  // namespace ergon
