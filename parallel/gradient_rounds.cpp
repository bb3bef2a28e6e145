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
  gathers_.reserve(buckets_.size());
  const auto parts = static_cast<std::int64_t>(num_parts());
  const at::Tensor buffer = group.size() > 1 ? at::empty({parts * largest}, buckets_.front().own.options()) : at::Tensor();
  bucket_of_.resize(static_cast<std::size_t>(buckets_.front().last_unit) + 1);
  for (std::size_t index = 0; index < buckets_.size(); ++index) {
    const GradientSlices& bucket = buckets_[index];
    const std::int64_t own = bucket.own.numel();
    for (int unit = bucket.first_unit; unit <= bucket.last_unit; ++unit) bucket_of_.at(static_cast<std::size_t>(unit)) = index;
    State& state = states_.emplace_back();
    state.next_unit = bucket.last_unit;
    state.received = buffer.defined() ? buffer.narrow(0, 0, parts * own) : bucket.whole;
    for (std::int64_t part = 0; part < parts; ++part)
      state.parts.push_back(state.received.narrow(0, parts == 1 ? 0 : order_[static_cast<std::size_t>(part)] * own, own));
  }
}

std::size_t GradientRounds::num_parts() const { return sum_ == RoundSum::ordered ? order_.size() : 1; }

Bytes GradientRounds::buffer_bytes() const {
  std::size_t largest = 0;
  if (group_.size() > 1)
    for (const State& state : states_) largest = std::max(largest, state.received.nbytes());
  return {static_cast<std::int64_t>(largest)};
}

// The buffers that the microbatch before left from are written again: what is still under way has to be gone. Until here it went beside
// the forward.
bool GradientRounds::begin_microbatch(std::int64_t k, std::int64_t n) {
  ERGON_CHECK(!filling_, "microbatch {} begins before a bucket of the one before it was complete", k);
  complete();
  microbatch_ = k;
  microbatches_ = n;
  return true;
}

void GradientRounds::unit_ready(int unit) {
  const std::size_t bucket = bucket_of_.at(static_cast<std::size_t>(unit));
  State& state = states_[bucket];
  ERGON_CHECK(unit == state.next_unit, "unit {} is ready where unit {} was expected", unit, state.next_unit);
  ERGON_CHECK(state.rounds == microbatch_, "unit {}: microbatch {} where {} was expected", unit, microbatch_, state.rounds);
  filling_ = unit != buckets_[bucket].first_unit;
  --state.next_unit;
  if (!filling_) {
    state.next_unit = buckets_[bucket].last_unit;
    complete();
    start(bucket);
  }
  poll();
}

void GradientRounds::start(std::size_t bucket) {
  pending_ = bucket;
  State& state = states_[bucket];
  ++state.rounds;
  if (group_.size() == 1) return;
  const GradientSlices& slices = buckets_[bucket];
  if (sum_ == RoundSum::ordered)
    exchange_ = group_.all_to_all(state.received, slices.whole);
  else
    exchange_ = group_.reduce_scatter(state.rounds == 1 ? slices.own : state.received, slices.whole);
}

void GradientRounds::complete() {
  if (!pending_) return;
  exchange_.wait();
  const std::size_t bucket = *pending_;
  pending_.reset();
  add_parts(bucket);
  if (states_[bucket].rounds == microbatches_ && buckets_[bucket].twin == nullptr) share(bucket);
}

// The first part of a step is written over what `own` holds: adding it to zero would turn a -0 into 0.
void GradientRounds::add_parts(std::size_t bucket) {
  const at::Tensor& own = buckets_[bucket].own;
  const State& state = states_[bucket];
  const bool first = state.rounds == 1, written = first && sum_ == RoundSum::summed && group_.size() > 1;
  if (written) return;
  for (std::size_t part = 0; part < state.parts.size(); ++part) {
    if (first && part == 0)
      own.copy_(state.parts[part]);
    else
      own.add_(state.parts[part]);
  }
}

void GradientRounds::share(std::size_t bucket) {
  if (stays_ == SumStays::on_every_rank) gathers_.push_back(group_.all_gather(buckets_[bucket].whole, buckets_[bucket].own));
}

void GradientRounds::poll() {
  exchange_.query();
  for (Work& work : gathers_) work.query();
}

void GradientRounds::finish() {
  complete();
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    State& state = states_[bucket];
    ERGON_CHECK(!filling_ && state.rounds > 0 && state.rounds == microbatches_, "the step ends before unit {} arrived in microbatch {}",
                state.next_unit, state.rounds);
    state.rounds = 0;
    if (buckets_[bucket].twin == nullptr) continue;
    buckets_[bucket].twin->all_reduce(buckets_[bucket].own).wait();
    share(bucket);
  }
  for (Work& work : gathers_) work.wait();
  gathers_.clear();
}

}  // namespace ergon
