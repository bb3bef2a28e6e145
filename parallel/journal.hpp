// SPDX-License-Identifier: Apache-2.0
// Where the operations of a group are opened and closed, and a backend's request with its stop-watch; part of parallel/communicator.cpp.
//
// Events wait here until every earlier operation of the group is complete, so that observers see start order; requests that were left to a
// stream wait here until they are done. The flight record hears of an operation before it starts.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "configs/clock.hpp"
#include "parallel/communicator.hpp"
#include "parallel/flight_record.hpp"
#include "parallel/ordered_sum.hpp"

namespace ergon {

struct Communicator::Operation {
  Collective collective;
  at::ScalarType dtype = at::kByte;
  std::int64_t elements = 0, bytes = 0;
  int peer = -1;               // the other side of a message
  at::IntArrayRef shape = {};  // for the flight record; valid while the operation starts
};

class Communicator::Journal {
 public:
  // What stands for one operation until it ends: its number among the events and in the record.
  struct Place {
    std::uint64_t sequence, flight;
  };

  Place open(const std::string& group, const Operation& o) {
    const Place place{next(), record ? record->open(flight_group, o.collective, o.dtype, o.elements, o.peer, o.shape) : 0};
    entries_.push_back({{group, o.collective, o.dtype, o.elements, Bytes{o.bytes}, place.sequence, Seconds{0}, Seconds{0}}, false});
    return place;
  }

  void started(const Place& place) {
    if (record) record->started(place.flight);
  }
  void waited_for(const Place& place) {
    if (record) record->waited_for(place.flight);
  }

  void close(const Place& place, MeasuredSeconds measured) {
    if (record) record->close(place.flight);
    Entry& entry = entries_[place.sequence - first_];
    entry.event.seconds = measured.seconds;
    entry.event.exposed = measured.exposed;
    entry.done = true;
    while (reported_ < entries_.size() && entries_[reported_].done) {
      const CommunicationEvent event = std::move(entries_[reported_].event);
      ++reported_;
      if (observer) observer->completed(event);
    }
    if (reported_ == entries_.size() || reported_ >= most_reported) {
      first_ += reported_;
      entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(reported_));
      reported_ = 0;
    }
  }

  // The newest operation, which did not start.
  void drop(const Place& place) {
    if (record) record->close(place.flight, FlightState::failed);
    entries_.pop_back();
  }

  // Takes over a request whose caller has gone on.
  void leave(const Place& place, RequestPtr request) { left_.emplace_back(place, std::move(request)); }

  // The requests of a group end in start order. True when none is left.
  bool poll() {
    if (record && !left_.empty()) record->check();
    while (!left_.empty() && left_.front().second->poll()) {
      const auto [place, request] = std::move(left_.front());
      left_.pop_front();
      close(place, request->measured().value_or(MeasuredSeconds{{0}, {0}}));
    }
    return left_.empty();
  }

  std::uint64_t next() const { return first_ + entries_.size(); }

  CommunicationObserver* observer = nullptr;
  std::shared_ptr<FlightRecord> record;
  int flight_group = 0;

 private:
  struct Entry {
    CommunicationEvent event;
    bool done;
  };
  static constexpr std::size_t most_reported = 1024;
  std::vector<Entry> entries_;  // a vector, because it keeps its memory: a step of one rank allocates none
  std::size_t reported_ = 0;    // of them, from the front
  std::deque<std::pair<Place, RequestPtr>> left_;
  std::uint64_t first_ = 0;
};

class Communicator::Tracked final : public Work::Request {
 public:
  Tracked(RequestPtr request, const Communicator& group, Journal::Place place, Clock::time_point start)
      : request_(std::move(request)), journal_(group.journal_), ordered_sums_(group.ordered_sums_), place_(place), start_(start) {}

  bool poll() override {
    if (journal_->record) journal_->record->check();
    for (OrderedSum* sum : *ordered_sums_) sum->poll();
    if (!request_->poll()) return false;
    const Clock::time_point end = Clock::now();
    const MeasuredSeconds host = {since(start_, end), wait_start_ ? since(*wait_start_, end) : Seconds{0}};
    journal_->close(place_, request_->measured().value_or(host));
    return true;
  }

  bool waiting() override {
    if (!wait_start_) journal_->waited_for(place_);
    if (!wait_start_) wait_start_ = Clock::now();
    if (!request_->waiting()) return false;
    journal_->leave(place_, std::move(request_));
    return true;
  }

 private:
  RequestPtr request_;
  std::shared_ptr<Journal> journal_;
  std::shared_ptr<std::vector<OrderedSum*>> ordered_sums_;
  Journal::Place place_;
  Clock::time_point start_;
  std::optional<Clock::time_point> wait_start_;
};

}  // namespace ergon
