// SPDX-License-Identifier: Apache-2.0
// The flight records of a run folder: which attempts have some, and those of one attempt read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "parallel/flight_reading.hpp"

namespace ergon {

struct FlightRecords {
  std::string run, folder;  // as named; RUN/flight/attempt_0002
  std::int64_t attempt = 0;
  std::vector<std::int64_t> attempts;  // that have records, oldest first
  std::vector<ReadFlight> ranks;       // in order of rank, as the verdicts among them saw them (parallel/flight_verdicts.hpp)
};

// Of `attempt`, or of the newest that has any. Throws Error (ExitCode::data): no such run, no records, none of that attempt, a record that
// is not whole, or that is of another rank than its name says.
FlightRecords read_flight_records(const std::string& run, std::optional<std::int64_t> attempt);

}  // namespace ergon
