// SPDX-License-Identifier: Apache-2.0
// What `ergon bench train` was asked for.
#pragma once

#include <string>
#include <vector>

#include "launch/bench/train.hpp"

namespace ergon {

struct BenchJob {
  std::vector<std::string> overrides;  // of the default job: gpt2-124m in sequences of 64, 4 a step
  std::int64_t threads = 1, rounds = 3;
  BenchTrainOptions options;
  std::string against;  // "pytorch", "fp32"; empty: nothing to compare with
  std::string python;   // empty: the one of launch/setup.sh --python-torch
};

// Throws Error for what this build cannot train, or what is more than one rank.
RunConfig bench_config(const BenchJob& job);

}  // namespace ergon
