// SPDX-License-Identifier: Apache-2.0
// What a benchmark found, as the JSON that scripts read (schema ergon.bench.v1: rows of case, value, unit, baseline, ratio) and as lines
// for a person.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "launch/bench/job.hpp"

namespace ergon {

nlohmann::json case_row(const std::string& name, double value, const std::string& unit);
// What the row's value is measured by: fills its baseline and ratio.
void set_baseline(nlohmann::json& row, const std::string& name, double value);

nlohmann::json bench_result(const BenchJob& job, const BenchTrainResult& measured);
std::string bench_text(const nlohmann::json& result);

}  // namespace ergon
