// SPDX-License-Identifier: Apache-2.0
// How fast this build trains on this machine: steps of the real training loop's step on synthetic tokens, on one rank.
#pragma once

#include <string>
#include <vector>

#include "configs/run_config.hpp"
#include "trainer/step.hpp"

namespace ergon {

struct BenchTrainOptions {
  std::int64_t steps = 5, warmup = 2;
};

struct BenchTrainResult {
  std::vector<double> tokens_per_second;  // of each counted step
  StepSeconds split;                      // mean of the counted steps
  Bytes peak_memory = {};                 // resident, of the process
  double loss = 0;
};

BenchTrainResult bench_train(const RunConfig& config, const BenchTrainOptions& options);

double median(std::vector<double> values);

}  // namespace ergon
