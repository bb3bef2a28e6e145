// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/prefetcher.hpp"

#include <algorithm>
#include <chrono>

#include "configs/clock.hpp"

namespace ergon {
namespace {

constexpr std::int64_t samples_of_a_part = 8;

}  // namespace

Prefetcher::Prefetcher(StepReader& reader, std::int64_t slots) : reader_(reader), ahead_(reader), slots_(static_cast<std::size_t>(slots)) {
  for (Slot& slot : slots_) slot.payload = reader.make_payload();
  thread_ = std::thread([this] { run(); });
}

Prefetcher::~Prefetcher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wanted_.notify_one();
  thread_.join();
}

void Prefetcher::ask(std::span<const std::int64_t> samples, std::span<const std::int64_t> places) {
  Slot& slot = at(asked_);
  slot.samples.assign(samples.begin(), samples.end());
  slot.places.assign(places.begin(), places.end());
  slot.counts = {};
  slot.begun = slot.read = 0;
  {
    const std::lock_guard lock(mutex_);
    ++asked_;
  }
  wanted_.notify_one();
}

const Prefetcher::Slot& Prefetcher::take() {
  while (const std::optional<Part> part = part_of(taken_)) read(*part, reader_);
  look_for_next();
  std::unique_lock lock(mutex_);
  there_.wait(lock, [&] { return taken_ < read_ || failure_; });
  if (taken_ == read_) std::rethrow_exception(failure_);
  return at(taken_++);
}

// With the lock held: samples that nobody reads yet, of the first step that has some.
std::optional<Prefetcher::Part> Prefetcher::begin_part() {
  if (begun_ == asked_ || failure_) return std::nullopt;
  Slot& slot = at(begun_);
  const Part part{begun_, slot.begun, std::min(samples_of_a_part, reader_.own_samples() - slot.begun)};
  slot.begun += part.count;
  if (slot.begun == reader_.own_samples()) ++begun_;
  return part;
}

// Of this step; none: there is nothing left to begin.
std::optional<Prefetcher::Part> Prefetcher::part_of(std::size_t step) {
  const std::lock_guard lock(mutex_);
  return begun_ == step ? begin_part() : std::nullopt;
}

// The next to read on the thread; none: the end.
std::optional<Prefetcher::Part> Prefetcher::next() {
  std::unique_lock lock(mutex_);
  wanted_.wait(lock, [&] { return stop_ || begun_ < asked_ || failure_; });
  return stop_ ? std::nullopt : begin_part();
}

// Whether a step is there now that was not.
bool Prefetcher::read(const Part& part, StepReader& reader) {
  Slot& slot = at(part.step);
  StepCounts counts;
  try {
    counts = reader.fill(slot.samples, slot.places, slot.payload, part.first, part.count);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    return true;  // or will never be
  }
  const std::lock_guard lock(mutex_);
  slot.counts += counts;
  slot.read += part.count;
  const std::size_t before = read_;
  while (read_ < asked_ && at(read_).read == reader_.own_samples()) ++read_;
  return read_ > before;
}

// To wake a processor that went to sleep can take longer than to read a step (0.1 ms on a virtual machine), and the reading thread would
// have to do it: so the one that waits stays awake for as long first.
void Prefetcher::look_for_next() const {
  for (const Clock::time_point start = Clock::now(); taken_ >= read_ && Clock::now() - start < std::chrono::microseconds(100);)
    std::this_thread::yield();
}

// The other is woken without the lock held, or it would wake only to wait for it.
void Prefetcher::run() {
  while (const std::optional<Part> part = next())
    if (read(*part, ahead_)) there_.notify_one();
}

}  // namespace ergon
