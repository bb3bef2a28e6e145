// SPDX-License-Identifier: Apache-2.0
// What `ergon bench attention-sharding` found, as JSON (schema ergon.bench.v1) and as lines: a row for each strategy, pass, length and
// number of ranks, with the kernel's share alone as its baseline, and a row for each crossover of ring and Ulysses, with the predicted one
// as its baseline.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "launch/bench/attention.hpp"
#include "parallel/plan/attention_time.hpp"

namespace ergon {

// Where the second of two curves over increasing lengths gets below the first for good: between two lengths by straight lines through the
// logarithms.
struct MeasuredCrossover {
  std::optional<double> length;
  bool overtakes = false;  // without a length: it is below at every one
};
MeasuredCrossover measured_crossover(const std::vector<double>& lengths, const std::vector<double>& first,
                                     const std::vector<double>& second);

// The constants of parallel/plan/attention_time that the ranks measured.
AttentionMachine measured_machine(const ShardingJob& job, const nlohmann::json& of_ranks);

// `answers`: of measure_attention, by number of ranks.
nlohmann::json attention_result(const ShardingJob& job, const std::vector<nlohmann::json>& answers);
std::string attention_text(const nlohmann::json& result);

}  // namespace ergon
