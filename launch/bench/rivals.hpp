// SPDX-License-Identifier: Apache-2.0
// `ergon bench train --against`: the same step in another program, or in our fp32. Each program starts fresh, and they take turns, so that
// slow moments of the machine meet all of them.
#pragma once

#include <nlohmann/json.hpp>

#include "launch/bench/job.hpp"

namespace ergon {

// `given`, or where launch/setup.sh --python-torch made one. Throws Error when it is not there.
std::string python_with_torch(const std::string& given);

// Throws Error when the rival cannot do the job or is not there; before anything is measured.
void check_rivals(const BenchJob& job);

// Our result with the rivals' medians as baselines: of the first row, and of one more row for each further rival.
nlohmann::json compare_with_rivals(const BenchJob& job);

}  // namespace ergon
