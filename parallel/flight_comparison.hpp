// SPDX-License-Identifier: Apache-2.0
// Flight records of several ranks side by side: the operations on which they parted. Collectives of a group are matched by their number in
// the group, messages by their number between two ranks and in one direction.
//
// Example: ranks 0 and 1 of tp have both done 17 all_reduces; rank 0 waits in the 18th, rank 1 computes and has started 17: the mismatch is
// number 17 (from 0), and rank 1 is late. Had rank 1 started an all_gather there, the two would differ.
//
// Sizes of an all_to_all are each rank's own, and no mismatch. What was done so long ago that a record no longer holds it counts as done.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "parallel/flight_reading.hpp"

namespace ergon {

enum class FlightStanding { done, waits, under_way, not_started, no_record };
const char* name(FlightStanding standing);

struct FlightPlace {
  int rank = 0;  // of the world
  FlightStanding standing = FlightStanding::no_record;
  std::optional<ReadOperation> operation;  // as that rank has recorded it
};

struct FlightMismatch {
  // different: the ranks started operations that are not the same; missing: some have not started it; unfinished: all have, somebody waits.
  enum class Kind { different, missing, unfinished };
  Kind kind = Kind::missing;
  std::string group, key;  // "tp", "tp#0:2-3"
  std::vector<int> members;
  std::string operation;  // of whoever waits: "all_reduce", "recv"
  std::int64_t sequence = 0;
  std::int64_t step = 0;
  std::string phase;
  std::vector<FlightPlace> ranks;  // in group order; of a message who sends and who receives
  bool message = false;

  std::vector<int> late() const;  // not started, or no record
};
const char* name(FlightMismatch::Kind kind);

struct FlightComparison {
  std::vector<int> without_record;  // ranks that others talked to
  // What one should look at first is first: where a rank is late whom nobody keeps (or two differ), before what is late because of that,
  // before what all have started; within these in the order in which the run comes to them.
  std::vector<FlightMismatch> mismatches;
};

// At most one mismatch for each group, and for each pair of ranks and direction.
FlightComparison compare_flights(const std::vector<ReadFlight>& flights);

}  // namespace ergon
