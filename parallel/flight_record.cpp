// SPDX-License-Identifier: Apache-2.0
#include "parallel/flight_record.hpp"

#include <algorithm>

#include "configs/clock.hpp"

namespace ergon {
namespace {

constexpr std::size_t expected_under_way = 64;

std::int64_t now() { return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count(); }

bool ended(FlightState state) { return state == FlightState::completed || state == FlightState::failed; }

// "2-3", "0,2,4-6".
std::string ranges(const std::vector<int>& members) {
  std::string text;
  for (std::size_t i = 0; i < members.size();) {
    std::size_t last = i;
    while (last + 1 < members.size() && members[last + 1] == members[last] + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", members[i]);
    if (last > i) text += fmt::format("-{}", members[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace

const char* name(FlightPhase phase) {
  constexpr const char* names[] = {"start", "step", "evaluation", "checkpoint", "finish"};
  return names[static_cast<std::size_t>(phase)];
}

const char* name(FlightPhase phase, FlightPart part) {
  constexpr const char* names[] = {"", "forward", "backward", "update"};
  return part == FlightPart::none ? name(phase) : names[static_cast<std::size_t>(part)];
}

const char* name(FlightState state) {
  constexpr const char* names[] = {"created", "started", "waited_for", "completed", "failed"};
  return names[static_cast<std::size_t>(state)];
}

const char* dtype_name(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return "float32";
    case at::kDouble:
      return "float64";
    case at::kBFloat16:
      return "bfloat16";
    case at::kHalf:
      return "float16";
    case at::kLong:
      return "int64";
    case at::kInt:
      return "int32";
    case at::kByte:
      return "uint8";
    default:
      return c10::toString(dtype);
  }
}

std::string FlightGroup::key() const { return fmt::format("{}#{}:{}", name, ordinal, ranges(members)); }

FlightRecord::FlightRecord(int rank) : rank_(rank), ring_(capacity) { under_way_.reserve(expected_under_way); }

int FlightRecord::add_group(const std::string& name, const std::vector<int>& members) {
  const std::lock_guard lock(mutex_);
  FlightGroup group{name, members, 0, 0, std::vector<std::uint64_t>(members.size()), std::vector<std::uint64_t>(members.size())};
  for (const FlightGroup& other : groups_) group.ordinal += other.name == name && other.members == members ? 1 : 0;
  groups_.push_back(std::move(group));
  return static_cast<int>(groups_.size()) - 1;
}

// Skips what is under way; with a whole ring under way the oldest entry is given up.
std::size_t FlightRecord::free_slot() {
  for (std::size_t tried = 0; tried < capacity; ++tried) {
    const std::size_t slot = next_slot_;
    next_slot_ = (next_slot_ + 1) % capacity;
    if (ring_[slot].id == 0 || ended(ring_[slot].state)) return slot;
  }
  const std::size_t oldest = under_way_.front();
  under_way_.erase(under_way_.begin());
  return oldest;
}

FlightShape::FlightShape(at::IntArrayRef shape) {
  if (shape.size() > most) return;
  dims = shape.size();
  std::copy(shape.begin(), shape.end(), sizes.begin());
}

std::uint64_t FlightRecord::open(int group_number, Collective operation, at::ScalarType dtype, std::int64_t elements, int peer,
                                 at::IntArrayRef shape) {
  const std::lock_guard lock(mutex_);
  FlightGroup& group = groups_[static_cast<std::size_t>(group_number)];
  std::uint64_t& count = peer < 0                        ? group.collectives
                         : operation == Collective::send ? group.sent[static_cast<std::size_t>(peer)]
                                                         : group.asked[static_cast<std::size_t>(peer)];
  const std::size_t slot = free_slot();
  ring_[slot] = {.id = ++num_opened_,
                 .group = group_number,
                 .operation = operation,
                 .dtype = dtype,
                 .elements = elements,
                 .shape = FlightShape(shape),
                 .peer = peer,
                 .sequence = count++,
                 .created = now(),
                 .phase = phase_,
                 .part = part_,
                 .step = step_};
  under_way_.push_back(slot);
  newest_slot_ = slot;
  return num_opened_;
}

FlightEntry* FlightRecord::find(std::uint64_t id) {
  for (std::size_t slot : under_way_)
    if (ring_[slot].id == id) return &ring_[slot];
  return nullptr;
}

void FlightRecord::started(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  FlightEntry* entry = find(id);
  if (entry == nullptr) return;
  entry->started = now();
  entry->state = FlightState::started;
}

void FlightRecord::waited_for(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  if (FlightEntry* entry = find(id)) entry->state = FlightState::waited_for;
}

void FlightRecord::close(std::uint64_t id, FlightState state) {
  const std::lock_guard lock(mutex_);
  const auto place = std::find_if(under_way_.begin(), under_way_.end(), [&](std::size_t slot) { return ring_[slot].id == id; });
  if (place == under_way_.end()) return;
  FlightEntry& entry = ring_[*place];
  entry.completed = now();
  entry.state = state;
  under_way_.erase(place);
}

void FlightRecord::enter(FlightPhase phase, std::int64_t step) {
  const std::lock_guard lock(mutex_);
  phase_ = phase;
  part_ = FlightPart::none;
  step_ = step;
}

void FlightRecord::enter(FlightPart part) {
  const std::lock_guard lock(mutex_);
  part_ = part;
}

void FlightRecord::give_up(const Error& why) {
  const std::lock_guard lock(mutex_);
  if (given_up_.load(std::memory_order_relaxed)) return;
  why_.emplace(why);
  given_up_.store(true, std::memory_order_release);
}

FlightRecord::Position FlightRecord::position() const {
  const std::lock_guard lock(mutex_);
  Position position;
  position.phase = phase_;
  position.part = part_;
  position.step = step_;
  for (std::size_t slot : under_way_)
    if (ring_[slot].state == FlightState::waited_for && !position.waits) position.waits = ring_[slot];
  if (num_opened_ > 0) position.newest = ring_[newest_slot_];
  return position;
}

bool FlightRecord::under_way(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(under_way_.begin(), under_way_.end(), [&](std::size_t slot) { return ring_[slot].id == id; });
}

std::vector<FlightEntry> FlightRecord::entries() const {
  std::vector<FlightEntry> entries;
  {
    const std::lock_guard lock(mutex_);
    entries = ring_;
  }
  std::erase_if(entries, [](const FlightEntry& entry) { return entry.id == 0; });
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return entries;
}

std::vector<FlightGroup> FlightRecord::groups() const {
  const std::lock_guard lock(mutex_);
  return groups_;
}

FlightGroup FlightRecord::group(int number) const {
  const std::lock_guard lock(mutex_);
  return groups_[static_cast<std::size_t>(number)];
}

}  // namespace ergon
