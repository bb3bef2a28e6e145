// SPDX-License-Identifier: Apache-2.0
// What `ergon flight` says of the records of an attempt: where the ranks parted, where each one is and what it did last.
#pragma once

#include <string>

#include "launch/flight_records.hpp"
#include "parallel/flight_comparison.hpp"

namespace ergon {

std::string flight_text(const FlightRecords& records, const FlightComparison& comparison);
std::string flight_json(const FlightRecords& records, const FlightComparison& comparison);  // parallel/FLIGHT.md

}  // namespace ergon
