// SPDX-License-Identifier: Apache-2.0
// What `ergon bench communication` found, as JSON (schema ergon.bench.v1) and as lines: a row for each collective and size, and rows for
// each transfer beside computing, by who polls, with one after the other as their baseline.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "launch/bench/communication.hpp"

namespace ergon {

// `answers`: of measure_communication, by number of ranks.
nlohmann::json communication_result(const CommunicationJob& job, const std::vector<nlohmann::json>& answers);
std::string communication_text(const nlohmann::json& result);

}  // namespace ergon
