// SPDX-License-Identifier: Apache-2.0
// What a rank's flight record would say, made operation by operation.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "parallel/flight_reading.hpp"

namespace ergon::test {

class RecordedRank {
 public:
  explicit RecordedRank(int rank, const std::string& phase = "forward", std::int64_t step = 6) {
    flight_.rank = rank;
    flight_.phase = phase;
    flight_.step = step;
  }
  std::size_t group(const std::string& name, const std::vector<int>& members) {
    const std::vector<std::int64_t> none(members.size(), 0);
    flight_.groups.push_back({name, name, members, 0, none, none});
    return flight_.groups.size() - 1;
  }
  // peer: place in the group.
  RecordedRank& does(std::size_t group, const std::string& operation, const std::string& state = "completed", std::int64_t elements = 8,
                     int peer = -1, const std::string& dtype = "float64") {
    ReadGroup& of = flight_.groups[group];
    const auto place = static_cast<std::size_t>(std::max(peer, 0));
    std::int64_t& count = peer < 0 ? of.collectives : operation == "send" ? of.sent[place] : of.asked[place];
    ReadOperation o;
    o.id = std::ssize(flight_.operations) + 1;
    o.group = group;
    o.operation = operation;
    o.dtype = dtype;
    o.elements = elements;
    o.peer = peer;
    o.sequence = count++;
    o.created_unix_ns = 1000 * o.id + flight_.rank;
    o.state = state;
    o.phase = flight_.phase;
    o.step = flight_.step;
    flight_.operations.push_back(o);
    return *this;
  }
  RecordedRank& in(const std::string& phase) {
    flight_.phase = phase;
    return *this;
  }
  ReadFlight& flight() { return flight_; }

 private:
  ReadFlight flight_;
};

}  // namespace ergon::test
