// SPDX-License-Identifier: Apache-2.0
#include "parallel/gradient_rounds.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {

GradientRounds::GradientRounds(std::vector<GradientSlices> buckets, Communicator& group, RoundSum sum, std::vector<int> order,
                               SumStays stays)
    : buckets_(std::move(buckets)), group_(group), sum_(sum), order_(std::move(order)), stays_(stays) {
  ERGON_CHECK(!buckets_.empty() && std::ssize(order_) == group.size(), "{} buckets, {} of {} ranks in order", buckets_.size(),
              order_.size(), group.size());
  std::int64_t largest = 0;
  for (const GradientSlices& bucket : buckets_) {
    ERGON_CHECK(bucket.own.defined() && bucket.own.numel() * group.size() == bucket.whole.numel(),
                "a part of {} elements for {} ranks of {}", bucket.own.numel(), group.size(), bucket.whole.numel());
    largest = std::max(largest, bucket.own.numel());
  }
  next_unit_ = buckets_.front().last_unit;
  gathers_.reserve(buckets_.size());
  const auto parts = static_cast<std::int64_t>(num_parts());
  const at::Tensor buffer = group.size() > 1 ? at::empty({parts * largest}, buckets_.front().own.options()) : at::Tensor();
  for (const GradientSlices& bucket : buckets_) {
    const std::int64_t own = bucket.own.numel();
    received_.push_back(buffer.defined() ? buffer.narrow(0, 0, parts * own) : bucket.whole);
    std::vector<at::Tensor>& of_bucket = parts_.emplace_back();
    for (std::int64_t part = 0; part < parts; ++part)
      of_bucket.push_back(received_.back().narrow(0, parts == 1 ? 0 : order_[static_cast<std::size_t>(part)] * own, own));
  }
}

std::size_t GradientRounds::num_parts() const { return sum_ == RoundSum::ordered ? order_.size() : 1; }

Bytes GradientRounds::buffer_bytes() const {
  std::size_t largest = 0;
  if (group_.size() > 1)
    for (const at::Tensor& received : received_) largest = std::max(largest, received.nbytes());
  return {static_cast<std::int64_t>(largest)};
}

// The buffers that the last microbatch left from are written again: what is still under way has to be gone. Until here it went beside the
// forward.
bool GradientRounds::begin_microbatch(std::int64_t k, std::int64_t n) {
  ERGON_CHECK(next_bucket_ == 0, "microbatch {} begins before bucket {} of the one before it was complete", k, next_bucket_);
  complete();
  first_ = k == 0;
  last_ = k + 1 == n;
  return true;
}

void GradientRounds::unit_ready(int unit) {
  ERGON_CHECK(unit == next_unit_, "unit {} is ready where unit {} was expected", unit, next_unit_);
  --next_unit_;
  if (unit == buckets_[next_bucket_].first_unit) {
    complete();
    start(next_bucket_);
    if (++next_bucket_ == buckets_.size()) {
      next_bucket_ = 0;
      next_unit_ = buckets_.front().last_unit;
    }
  }
  poll();
}

void GradientRounds::start(std::size_t bucket) {
  pending_ = true;
  if (group_.size() == 1) return;
  const GradientSlices& slices = buckets_[bucket];
  if (sum_ == RoundSum::ordered)
    exchange_ = group_.all_to_all(received_[bucket], slices.whole);
  else
    exchange_ = group_.reduce_scatter(first_ ? slices.own : received_[bucket], slices.whole);
}

void GradientRounds::complete() {
  if (!pending_) return;
  exchange_.wait();
  pending_ = false;
  const std::size_t bucket = (next_bucket_ + buckets_.size() - 1) % buckets_.size();
  add_parts(bucket);
  if (last_ && stays_ == SumStays::on_every_rank) gathers_.push_back(group_.all_gather(buckets_[bucket].whole, buckets_[bucket].own));
}

// The first part of a step is written over what `own` holds: adding it to zero would turn a -0 into 0.
void GradientRounds::add_parts(std::size_t bucket) {
  const at::Tensor& own = buckets_[bucket].own;
  const bool written = first_ && sum_ == RoundSum::summed && group_.size() > 1;
  if (written) return;
  for (std::size_t part = 0; part < parts_[bucket].size(); ++part) {
    if (first_ && part == 0)
      own.copy_(parts_[bucket][part]);
    else
      own.add_(parts_[bucket][part]);
  }
}

void GradientRounds::poll() {
  exchange_.query();
  for (Work& work : gathers_) work.query();
}

void GradientRounds::finish() {
  ERGON_CHECK(pending_ && next_bucket_ == 0 && last_, "the step ends before unit {} arrived", next_unit_);
  complete();
  for (Work& work : gathers_) work.wait();
  gathers_.clear();
}

}  // namespace ergon
