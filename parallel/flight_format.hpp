// SPDX-License-Identifier: Apache-2.0
// A flight record as a file: `ergon.flight.v1`, described in parallel/FLIGHT.md.
#pragma once

#include <string>

#include "parallel/flight_record.hpp"

namespace ergon {

// `verdict` is a JSON object or empty.
std::string format_flight(const FlightRecord& record, const std::string& verdict);

std::string flight_file_name(int rank);   // rank_00003.json
std::string verdict_file_name(int rank);  // verdict_00003.json

}  // namespace ergon
