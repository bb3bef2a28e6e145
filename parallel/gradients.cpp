// SPDX-License-Identifier: Apache-2.0
#include "parallel/gradients.hpp"

#include "configs/error.hpp"

namespace ergon {

GradientBuckets::GradientBuckets(std::vector<GradientSlices> buckets, Communicator& reducer)
    : buckets_(std::move(buckets)), reducer_(reducer) {
  ERGON_CHECK(!buckets_.empty(), "no buckets");
  next_unit_ = buckets_.front().last_unit;
  works_.reserve(buckets_.size());
}

bool GradientBuckets::begin_microbatch(std::int64_t k, std::int64_t n) {
  last_ = k + 1 == n;
  return k == 0;
}

void GradientBuckets::unit_ready(int unit) {
  if (!last_) return;
  ERGON_CHECK(unit == next_unit_, "unit {} is ready where unit {} was expected", unit, next_unit_);
  --next_unit_;
  const GradientSlices& bucket = buckets_[works_.size()];
  if (unit == bucket.first_unit)
    works_.push_back(bucket.own.defined() ? reducer_.reduce_scatter(bucket.own, bucket.whole) : reducer_.all_reduce(bucket.whole));
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
