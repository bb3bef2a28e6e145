// SPDX-License-Identifier: Apache-2.0
// What a training run tells the person who started it. Called on rank 0 only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "configs/quantities.hpp"

namespace ergon {

struct StepProgress {
  std::int64_t step = 0, steps = 0;
  double loss = 0;
  double tokens_per_second = 0;  // of the last steps
  std::optional<double> mfu;     // convention `exact`; empty: peak unknown
  double data_wait = 0;          // share of the last steps' time
  Seconds remaining = {};
  PfsDays spent = {};  // convention `exact`, all attempts
};

class RunMonitor {
 public:
  virtual ~RunMonitor() = default;
  virtual void message(const std::string& line) = 0;
  virtual void step(const StepProgress& progress) = 0;
};

}  // namespace ergon
