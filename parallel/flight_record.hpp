// SPDX-License-Identifier: Apache-2.0
// What a rank was doing with the others: the newest operations of all its communicators, in a ring of fixed size, and how far each group
// has come. The watchdog reads it to find out who is missing; after a failure it is written to the run folder (parallel/FLIGHT.md).
//
// Invariants:
// - One record a rank, shared by its communicators; any thread may call anything. The lock is held for a few stores; nothing is allocated
// after add_group.
// - An operation under way is never overwritten, however many follow it.
// - Operations are numbered within their group: collectives by one count, equal on all members; messages by a count per peer and direction,
// because only two ranks see them.
// - Groups of one rank wait for nobody and are not recorded.
// Times are nanoseconds of the steady clock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "configs/error.hpp"
#include "parallel/communication_event.hpp"

namespace ergon {

enum class FlightPhase { start, step, evaluation, checkpoint, finish };
enum class FlightPart { none, forward, backward, update };  // of a step; update: sums of gradients and numbers, agreement, optimizer
const char* name(FlightPhase phase);
const char* name(FlightPhase phase, FlightPart part);  // the part's, where there is one

enum class FlightState { created, started, waited_for, completed, failed };
const char* name(FlightState state);

const char* dtype_name(at::ScalarType dtype);  // "float64"

// The sizes of a tensor, held without allocating; of one with more dims than `most`, none.
struct FlightShape {
  static constexpr std::size_t most = 6;
  std::array<std::int64_t, most> sizes = {};
  std::size_t dims = 0;

  FlightShape() = default;
  explicit FlightShape(at::IntArrayRef shape);
  std::vector<std::int64_t> list() const { return {sizes.begin(), sizes.begin() + dims}; }
};

struct FlightEntry {
  std::uint64_t id = 0;  // of all operations of this rank, from 1
  int group = 0;         // number in the record's list
  Collective operation = Collective::barrier;
  at::ScalarType dtype = at::kByte;
  std::int64_t elements = 0;   // as in CommunicationEvent
  FlightShape shape;           // of the tensor that `elements` counts, of all_to_all of the whole input; no dims: not told
  int peer = -1;               // place in the group of a message's other side; -1: a collective
  std::uint64_t sequence = 0;  // number within its count, from 0
  std::int64_t created = 0, started = 0, completed = 0;
  FlightState state = FlightState::created;
  FlightPhase phase = FlightPhase::start;
  FlightPart part = FlightPart::none;
  std::int64_t step = 0;
};

struct FlightGroup {
  std::string name;
  std::vector<int> members;                // world ranks in group order
  int ordinal = 0;                         // of the groups of this name and these members, which a rank may make again and again
  std::uint64_t collectives = 0;           // started here
  std::vector<std::uint64_t> sent, asked;  // messages to and from each member, started here

  std::string key() const;  // equal on all members, different for any two groups: "tp#0:2-3"
};

class FlightRecord {
 public:
  static constexpr std::size_t capacity = 2000;

  explicit FlightRecord(int rank);  // of the world
  FlightRecord(const FlightRecord&) = delete;
  FlightRecord& operator=(const FlightRecord&) = delete;

  int rank() const { return rank_; }

  // What the communicators tell.
  int add_group(const std::string& name, const std::vector<int>& members);
  std::uint64_t open(int group, Collective operation, at::ScalarType dtype, std::int64_t elements, int peer = -1,
                     at::IntArrayRef shape = {});  // the id
  void started(std::uint64_t id);
  void waited_for(std::uint64_t id);  // the caller does nothing else until it is done
  void close(std::uint64_t id, FlightState state = FlightState::completed);

  // What the trainer tells: where its steps stand.
  void enter(FlightPhase phase, std::int64_t step);
  void enter(FlightPart part);  // of the step that was entered

  // Ends the waiting of every thread that waits for an operation of this record: each throws this Error. Once; later calls change nothing.
  void give_up(const Error& why);
  void check() const {
    if (given_up_.load(std::memory_order_acquire)) [[unlikely]]
      throw Error(*why_);
  }

  // What the watchdog reads.
  struct Position {
    FlightPhase phase = FlightPhase::start;
    FlightPart part = FlightPart::none;
    std::int64_t step = 0;
    std::optional<FlightEntry> waits;   // the oldest operation that somebody waits for
    std::optional<FlightEntry> newest;  // the last one that was opened
  };
  Position position() const;
  bool under_way(std::uint64_t id) const;
  std::vector<FlightEntry> entries() const;  // oldest first
  std::vector<FlightGroup> groups() const;
  FlightGroup group(int number) const;

 private:
  FlightEntry* find(std::uint64_t id);
  std::size_t free_slot();

  const int rank_;
  mutable std::mutex mutex_;
  std::vector<FlightEntry> ring_;
  std::size_t next_slot_ = 0, newest_slot_ = 0;
  std::uint64_t num_opened_ = 0;
  std::vector<std::size_t> under_way_;  // slots, oldest first
  std::vector<FlightGroup> groups_;
  FlightPhase phase_ = FlightPhase::start;
  FlightPart part_ = FlightPart::none;
  std::int64_t step_ = 0;
  std::atomic<bool> given_up_ = false;
  std::optional<Error> why_;
};

}  // namespace ergon
