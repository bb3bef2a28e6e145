// SPDX-License-Identifier: Apache-2.0
#include "parallel/gradients.hpp"

#include "configs/error.hpp"

namespace ergon {

std::vector<Bucket> plan_buckets(const std::vector<ElementRange>& units, Bytes bucket, std::int64_t element_size) {
  std::vector<Bucket> buckets;
  for (int unit = static_cast<int>(units.size()) - 1; unit >= 0; --unit) {
    const ElementRange& range = units[static_cast<std::size_t>(unit)];
    const bool full = buckets.empty() || buckets.back().range.size() * element_size >= bucket.value;
    if (full) {
      buckets.push_back({range, unit, unit});
      continue;
    }
    ERGON_CHECK(range.end <= buckets.back().range.begin, "unit {} overlaps the one after it", unit);
    buckets.back().range.begin = range.begin;
    buckets.back().first_unit = unit;
  }
  return buckets;
}

GradientBuckets::GradientBuckets(at::Tensor flat, std::vector<Bucket> buckets, Communicator& reducer)
    : flat_(std::move(flat)), buckets_(std::move(buckets)), reducer_(reducer) {
  ERGON_CHECK(!buckets_.empty() && flat_.dim() == 1, "{} buckets over a buffer of {} dims", buckets_.size(), flat_.dim());
  next_unit_ = buckets_.front().last_unit;
  works_.reserve(buckets_.size());
  for (const Bucket& bucket : buckets_) slices_.push_back(flat_.narrow(0, bucket.range.begin, bucket.range.size()));
}

void GradientBuckets::unit_ready(int unit) {
  ERGON_CHECK(unit == next_unit_, "unit {} is ready where unit {} was expected", unit, next_unit_);
  --next_unit_;
  const Bucket& bucket = buckets_[works_.size()];
  if (unit == bucket.first_unit) works_.push_back(reducer_.all_reduce(slices_[works_.size()]));
  poll();
}

void GradientBuckets::poll() {
  for (Work& work : works_) work.query();
}

void GradientBuckets::finish() {
  ERGON_CHECK(works_.size() == buckets_.size(), "{} of {} buckets are complete: unit {} never arrived", works_.size(), buckets_.size(),
              next_unit_);
  for (Work& work : works_) work.wait();
  works_.clear();
  next_unit_ = buckets_.front().last_unit;
}

}  // namespace ergon
