// SPDX-License-Identifier: Apache-2.0
#include "parallel/flight_comparison.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "parallel/verdict.hpp"

namespace ergon {
namespace {

using Flights = std::map<int, const ReadFlight*>;  // by rank

// What one rank did in a lane.
struct Part {
  std::int64_t started = 0;
  std::map<std::int64_t, const ReadOperation*> operations;  // by sequence, as far as they are recorded
};

// A sequence of operations that ranks share: the collectives of a group, or the messages from one member to another.
struct Lane {
  std::string group, key;
  std::vector<int> members;
  std::vector<std::size_t> places;  // in the group, of who takes part
  bool message = false;
  std::map<std::size_t, Part> parts;  // by place; of those who did anything
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

  const Lane& of(const ReadFlight& flight, const ReadOperation& operation) const {
    const ReadGroup& group = flight.groups[operation.group];
    return lanes_.at({group.key, direction(flight, group, operation.peer, operation.sends())});
  }
  template <typename Use>
  void each(const Use& use) const {
    for (const auto& [key, lane] : lanes_) use(lane);
  }

 private:
  using Direction = std::pair<int, int>;  // places of who sends and who receives; -1: a collective
  static std::size_t place_in(const ReadFlight& flight, const ReadGroup& group) {
    return static_cast<std::size_t>(std::find(group.members.begin(), group.members.end(), flight.rank) - group.members.begin());
  }
  static Direction direction(const ReadFlight& flight, const ReadGroup& group, int peer, bool sends) {
    const int own = static_cast<int>(place_in(flight, group));
    if (peer < 0) return {-1, -1};
    return sends ? Direction{own, peer} : Direction{peer, own};
  }

  void add_counts(const ReadFlight& flight, const ReadGroup& group) {
    part_of(flight, group, -1, false).started = group.collectives;
    for (std::size_t peer = 0; peer < group.sent.size(); ++peer)
      if (group.sent[peer] > 0) part_of(flight, group, static_cast<int>(peer), true).started = group.sent[peer];
    for (std::size_t peer = 0; peer < group.asked.size(); ++peer)
      if (group.asked[peer] > 0) part_of(flight, group, static_cast<int>(peer), false).started = group.asked[peer];
  }

  Part& part_of(const ReadFlight& flight, const ReadGroup& group, int peer, bool sends) {
    const Direction of = direction(flight, group, peer, sends);
    Lane& lane = lanes_[{group.key, of}];
    if (lane.key.empty()) {
      lane = {group.name, group.key, group.members, {}, peer >= 0, {}};
      for (std::size_t place = 0; place < group.members.size(); ++place)
        if (peer < 0) lane.places.push_back(place);
      if (peer >= 0) lane.places = {static_cast<std::size_t>(of.first), static_cast<std::size_t>(of.second)};
    }
    return lane.parts[place_in(flight, group)];
  }

  std::map<std::pair<std::string, Direction>, Lane> lanes_;
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

FlightPlace place_of(const Lane& lane, std::size_t place, std::int64_t sequence, const Flights& flights) {
  FlightPlace result{lane.members[place], FlightStanding::no_record, {}};
  if (!flights.contains(result.rank)) return result;
  const auto found = lane.parts.find(place);
  if (found == lane.parts.end()) {
    result.standing = FlightStanding::not_started;
    return result;
  }
  const auto operation = found->second.operations.find(sequence);
  if (operation == found->second.operations.end()) {
    result.standing = sequence < found->second.started ? FlightStanding::done : FlightStanding::not_started;
    return result;
  }
  result.operation = *operation->second;
  result.standing = result.operation->waits()  ? FlightStanding::waits
                    : result.operation->done() ? FlightStanding::done
                                               : FlightStanding::under_way;
  return result;
}

bool is_late(const FlightPlace& place) {
  return place.standing == FlightStanding::not_started || place.standing == FlightStanding::no_record;
}

bool all_started(const Lane& lane, std::int64_t sequence, const Flights& flights) {
  return std::none_of(lane.places.begin(), lane.places.end(),
                      [&](std::size_t place) { return is_late(place_of(lane, place, sequence, flights)); });
}

// The first number at which a rank waits for one that is late; where none is late, at which a rank waits.
std::optional<std::int64_t> first_wait(const Lane& lane, const Flights& flights) {
  std::optional<std::int64_t> late, any;
  for (const auto& [place, part] : lane.parts)
    for (const auto& [sequence, operation] : part.operations) {
      if (!operation->waits()) continue;
      if (!any || sequence < *any) any = sequence;
      if ((!late || sequence < *late) && !all_started(lane, sequence, flights)) late = sequence;
    }
  return late ? late : any;
}

struct Candidate {
  FlightMismatch mismatch;
  int priority = 0;
  std::int64_t created = 0;
  auto order() const { return std::tuple(priority, mismatch.step, phase_order(mismatch.phase), created); }
};

// 0: a cause; 1: late because of another; 2: started by all. Who is late and waits in what all have started is kept by nobody.
int priority_of(const FlightMismatch& mismatch, const Lanes& lanes, const Flights& flights) {
  if (mismatch.kind == FlightMismatch::Kind::unfinished) return 2;
  if (mismatch.kind == FlightMismatch::Kind::different) return 0;
  for (const int rank : mismatch.late()) {
    const auto flight = flights.find(rank);
    const ReadOperation* waits = flight == flights.end() ? nullptr : flight->second->waits();
    if (waits == nullptr || all_started(lanes.of(*flight->second, *waits), waits->sequence, flights)) return 0;
  }
  return 1;
}

std::optional<Candidate> candidate_of(const Lane& lane, const Lanes& lanes, const Flights& flights) {
  const std::optional<std::int64_t> difference = first_difference(lane), wait = first_wait(lane, flights);
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
    mismatch.ranks.push_back(place_of(lane, place, mismatch.sequence, flights));
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
  const int priority = priority_of(mismatch, lanes, flights);
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
    if (is_late(place)) late.push_back(place.rank);
  return late;
}

FlightComparison compare_flights(const std::vector<ReadFlight>& flights) {
  Flights by_rank;
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
  lanes.each([&](const Lane& lane) {
    if (auto candidate = candidate_of(lane, lanes, by_rank)) candidates.push_back(std::move(*candidate));
  });
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) { return a.order() < b.order(); });
  for (Candidate& candidate : candidates) comparison.mismatches.push_back(std::move(candidate.mismatch));
  return comparison;
}

}  // namespace ergon
