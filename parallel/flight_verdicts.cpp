// SPDX-License-Identifier: Apache-2.0
#include "parallel/flight_verdicts.hpp"

#include <algorithm>

namespace ergon {
namespace {

// A rank's own part of the operation that a verdict is about; end: it has none on record. A message has two parts of the same number.
std::vector<ReadOperation>::iterator part_of(ReadFlight& flight, const ReadVerdict& verdict) {
  return std::find_if(flight.operations.begin(), flight.operations.end(), [&](const ReadOperation& o) {
    const ReadGroup& group = flight.groups[o.group];
    if (group.key != verdict.group_key || o.sequence != verdict.sequence || (o.peer < 0) != (verdict.peer < 0)) return false;
    if (o.peer < 0) return true;
    if (flight.rank == verdict.rank) return o.peer == verdict.peer && o.operation == verdict.operation;
    return group.members[static_cast<std::size_t>(o.peer)] == verdict.rank && o.operation != verdict.operation;
  });
}

void forget(ReadGroup& group, const ReadOperation& operation) {
  std::int64_t* count = &group.collectives;
  if (operation.peer >= 0) {
    std::vector<std::int64_t>& messages = operation.sends() ? group.sent : group.asked;
    if (messages.empty()) return;
    count = &messages[static_cast<std::size_t>(operation.peer)];
  }
  *count = std::min(*count, operation.sequence);
}

void cut(ReadFlight& flight, std::vector<ReadOperation>::iterator first) {
  flight.step = first->step;
  flight.phase = first->phase;
  for (auto operation = first; operation != flight.operations.end(); ++operation) forget(flight.groups[operation->group], *operation);
  flight.operations.erase(first, flight.operations.end());
}

}  // namespace

std::vector<ReadFlight> as_verdicts_saw(std::vector<ReadFlight> flights) {
  std::vector<ReadVerdict> verdicts;
  for (const ReadFlight& flight : flights)
    if (flight.found) verdicts.push_back(*flight.found);
  for (const ReadVerdict& verdict : verdicts)
    for (ReadFlight& flight : flights) {
      const bool named = std::find(verdict.missing.begin(), verdict.missing.end(), flight.rank) != verdict.missing.end();
      if (!named && flight.rank != verdict.rank) continue;
      const auto part = part_of(flight, verdict);
      if (part == flight.operations.end()) continue;
      if (named)
        cut(flight, part);
      else
        part->state = "waited_for";
    }
  return flights;
}

}  // namespace ergon
