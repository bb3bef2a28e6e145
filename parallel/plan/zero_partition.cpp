// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/zero_partition.hpp"

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {

ZeroPartition::ZeroPartition(std::vector<Bucket> buckets, int ranks) : buckets_(std::move(buckets)), ranks_(ranks) {
  ERGON_CHECK(ranks >= 1, "{} owners", ranks);
  std::int64_t end = 0;
  for (const Bucket& bucket : buckets_) {
    ERGON_CHECK(bucket.range.size() % ranks == 0, "a bucket of {} elements for {} owners", bucket.range.size(), ranks);
    in_shard_.push_back({end, end + bucket.range.size() / ranks});
    end = in_shard_.back().end;
  }
}

ElementRange ZeroPartition::owned(int bucket, int rank) const {
  ERGON_CHECK(rank >= 0 && rank < ranks_, "owner {} of {}", rank, ranks_);
  const std::int64_t begin = buckets_.at(static_cast<std::size_t>(bucket)).range.begin, part = in_shard(bucket).size();
  return {begin + rank * part, begin + (rank + 1) * part};
}

std::vector<OwnedRun> ZeroPartition::runs(int rank, const ElementRange& tensor) const {
  std::vector<OwnedRun> result;
  for (int bucket = 0; bucket < static_cast<int>(buckets_.size()); ++bucket) {
    const ElementRange mine = owned(bucket, rank);
    const std::int64_t begin = std::max(mine.begin, tensor.begin), end = std::min(mine.end, tensor.end);
    if (begin >= end) continue;
    const std::int64_t to_shard = in_shard(bucket).begin - mine.begin;
    result.push_back({bucket, {begin - tensor.begin, end - tensor.begin}, {begin + to_shard, end + to_shard}});
  }
  return result;
}

}  // namespace ergon
