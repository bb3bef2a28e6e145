// SPDX-License-Identifier: Apache-2.0
#include "parallel/flight_comparison.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "parallel/verdict.hpp"

namespace ergon {
namespace {

// What one rank did in a lane.
struct Part {
  const ReadFlight* flight = nullptr;  // null: no record
  std::int64_t started = 0;
  std::map<std::int64_t, const ReadOperation*> operations;  // by sequence, as far as they are recorded
};

// A sequence of operations that ranks share: the collectives of a group, or the messages from one member to another.
struct Lane {
  std::string group, key;
  std::vector<int> members;
  std::vector<std::size_t> places;  // in the group, of who takes part
  bool message = false;
  std::map<std::size_t, Part> parts;  // by place
};

class Lanes {
 public:
  void add(const ReadFlight& flight) {
    for (const ReadGroup& group : flight.groups) add_counts(flight, group);
    for (const ReadOperation& operation : flight.operations) {
      const ReadGroup& group = flight.groups[operation.group];
      Part& part = part_of(flight, group, operation.peer, operation.sends());
      part.operations[operation.sequence] = &operation;
      part.started = std::max(part.started, operation.sequence + 1);
    }
  }

  std::vector<Lane> take() {
    std::vector<Lane> lanes;
    for (auto& [key, lane] : lanes_) lanes.push_back(std::move(lane));
    return lanes;
  }

 private:
  void add_counts(const ReadFlight& flight, const ReadGroup& group) {
    part_of(flight, group, -1, false).started = group.collectives;
    for (std::size_t peer = 0; peer < group.sent.size(); ++peer)
      if (group.sent[peer] > 0) part_of(flight, group, static_cast<int>(peer), true).started = group.sent[peer];
    for (std::size_t peer = 0; peer < group.asked.size(); ++peer)
      if (group.asked[peer] > 0) part_of(flight, group, static_cast<int>(peer), false).started = group.asked[peer];
  }

  Part& part_of(const ReadFlight& flight, const ReadGroup& group, int peer, bool sends) {
    const auto own = static_cast<std::size_t>(std::find(group.members.begin(), group.members.end(), flight.rank) - group.members.begin());
    const auto other = static_cast<std::size_t>(std::max(peer, 0));
    const std::pair<int, int> direction = peer < 0 ? std::pair(-1, -1)
                                          : sends  ? std::pair(static_cast<int>(own), peer)
                                                   : std::pair(peer, static_cast<int>(own));
    Lane& lane = lanes_[{group.key, direction}];
    if (lane.key.empty()) {
      lane = {group.name, group.key, group.members, {}, peer >= 0, {}};
      for (std::size_t place = 0; place < group.members.size(); ++place)
        if (peer < 0) lane.places.push_back(place);
      if (peer >= 0) lane.places = sends ? std::vector{own, other} : std::vector{other, own};
    }
    Part& part = lane.parts[own];
    part.flight = &flight;
    return part;
  }

  std::map<std::pair<std::string, std::pair<int, int>>, Lane> lanes_;
};

bool same(const ReadOperation& a, const ReadOperation& b, bool message) {
  if (!message && a.operation != b.operation) return false;
  if (a.dtype != b.dtype) return false;
  if (a.operation == "all_to_all") return true;
  return a.elements == b.elements && (a.shape.empty() || b.shape.empty() || a.shape == b.shape);
}

// The first number at which two records of the lane are not the same.
std::optional<std::int64_t> first_difference(const Lane& lane) {
  std::map<std::int64_t, const ReadOperation*> seen;
  std::optional<std::int64_t> first;
  for (const auto& [place, part] : lane.parts)
    for (const auto& [sequence, operation] : part.operations) {
      const auto [before, is_new] = seen.emplace(sequence, operation);
      if (!is_new && !same(*before->second, *operation, lane.message) && (!first || sequence < *first)) first = sequence;
    }
  return first;
}

std::optional<std::int64_t> first_wait(const Lane& lane) {
  std::optional<std::int64_t> first;
  for (const auto& [place, part] : lane.parts)
    for (const auto& [sequence, operation] : part.operations)
      if (operation->waits() && (!first || sequence < *first)) first = sequence;
  return first;
}

FlightPlace place_of(const Lane& lane, std::size_t place, std::int64_t sequence) {
  FlightPlace result{lane.members[place], FlightStanding::no_record, {}};
  const auto found = lane.parts.find(place);
  if (found == lane.parts.end()) return result;
  const Part& part = found->second;
  const auto operation = part.operations.find(sequence);
  if (operation == part.operations.end()) {
    result.standing = sequence < part.started ? FlightStanding::done : FlightStanding::not_started;
    return result;
  }
  result.operation = *operation->second;
  result.standing = result.operation->waits()  ? FlightStanding::waits
                    : result.operation->done() ? FlightStanding::done
                                               : FlightStanding::under_way;
  return result;
}

struct Candidate {
  FlightMismatch mismatch;
  int priority = 0;
  std::int64_t created = 0;
  auto order() const { return std::tuple(priority, mismatch.step, phase_order(mismatch.phase), created); }
};

// 0: a cause; 1: late because of another; 2: started by all.
int priority_of(const FlightMismatch& mismatch, const std::map<int, const ReadFlight*>& flights) {
  if (mismatch.kind == FlightMismatch::Kind::unfinished) return 2;
  if (mismatch.kind == FlightMismatch::Kind::different) return 0;
  for (const int rank : mismatch.late()) {
    const auto flight = flights.find(rank);
    if (flight == flights.end() || flight->second->waits() == nullptr) return 0;
  }
  return 1;
}

std::optional<Candidate> candidate_of(const Lane& lane, const std::map<int, const ReadFlight*>& flights) {
  const std::optional<std::int64_t> difference = first_difference(lane), wait = first_wait(lane);
  if (!difference && !wait) return {};
  const bool differs = difference && (!wait || *difference <= *wait);
  FlightMismatch mismatch;
  mismatch.group = lane.group;
  mismatch.key = lane.key;
  mismatch.members = lane.members;
  mismatch.message = lane.message;
  mismatch.sequence = differs ? *difference : *wait;
  const ReadOperation* told = nullptr;  // who waits, else who came first
  for (const std::size_t place : lane.places) {
    mismatch.ranks.push_back(place_of(lane, place, mismatch.sequence));
    const std::optional<ReadOperation>& here = mismatch.ranks.back().operation;
    if (here && (told == nullptr || std::pair(!here->waits(), here->created_unix_ns) < std::pair(!told->waits(), told->created_unix_ns)))
      told = lane.parts.at(place).operations.at(mismatch.sequence);
  }
  mismatch.operation = told->operation;
  mismatch.step = told->step;
  mismatch.phase = told->phase;
  mismatch.kind = differs                   ? FlightMismatch::Kind::different
                  : mismatch.late().empty() ? FlightMismatch::Kind::unfinished
                                            : FlightMismatch::Kind::missing;
  const int priority = priority_of(mismatch, flights);
  return Candidate{std::move(mismatch), priority, told->created_unix_ns};
}

}  // namespace

const char* name(FlightStanding standing) {
  constexpr const char* names[] = {"done", "waits", "under_way", "not_started", "no_record"};
  return names[static_cast<std::size_t>(standing)];
}

const char* name(FlightMismatch::Kind kind) {
  constexpr const char* names[] = {"different", "missing", "unfinished"};
  return names[static_cast<std::size_t>(kind)];
}

std::vector<int> FlightMismatch::late() const {
  std::vector<int> late;
  for (const FlightPlace& place : ranks)
    if (place.standing == FlightStanding::not_started || place.standing == FlightStanding::no_record) late.push_back(place.rank);
  return late;
}

FlightComparison compare_flights(const std::vector<ReadFlight>& flights) {
  std::map<int, const ReadFlight*> by_rank;
  std::set<int> members;
  Lanes lanes;
  for (const ReadFlight& flight : flights) {
    by_rank[flight.rank] = &flight;
    for (const ReadGroup& group : flight.groups) members.insert(group.members.begin(), group.members.end());
    lanes.add(flight);
  }
  FlightComparison comparison;
  for (const int rank : members)
    if (!by_rank.contains(rank)) comparison.without_record.push_back(rank);
  std::vector<Candidate> candidates;
  for (const Lane& lane : lanes.take())
    if (auto candidate = candidate_of(lane, by_rank)) candidates.push_back(std::move(*candidate));
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) { return a.order() < b.order(); });
  for (Candidate& candidate : candidates) comparison.mismatches.push_back(std::move(candidate.mismatch));
  return comparison;
}

}  // namespace ergon
