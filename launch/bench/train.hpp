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
  std::string gemm_library;
  Seconds gemm, attention;        // of a step, inside its products and its attention kernel
  double gemm_flops = 0;          // of a step, as executed
  FlopsPerSecond gemm_peak = {};  // of the library on large square products, in this process after the steps
  Bytes peak_memory = {};         // resident, of the process
  double loss = 0;
};

// The GEMM library is run.gemm; "auto" is mkl here (what times libraries does so before).
// The batch of a step: uniform tokens, for its speed does not depend on them.
StepBatch synthetic_batch(const RunConfig& config);

BenchTrainResult bench_train(const RunConfig& config, const BenchTrainOptions& options);

}  // namespace ergon
