// SPDX-License-Identifier: Apache-2.0
// What a training run tells the person who started it, and what shows it live. Called on rank 0 only, on the training thread: quick, and it
// must not throw.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "configs/quantities.hpp"

namespace ergon {

struct RunStart {
  std::string folder;
  std::int64_t attempt = 0, from_step = 0, steps = 0;
  int ranks = 1;
};

struct StepProgress {
  std::int64_t step = 0, steps = 0;
  double loss = 0;
  double tokens_per_second = 0;  // of the last steps
  std::optional<double> mfu;     // convention `exact`; empty: peak unknown
  double data_wait = 0;          // share of the last steps' time
  Seconds remaining = {};
  PfsDays spent = {};  // convention `exact`, all attempts
  // Of this step alone.
  double grad_norm = 0, lr = 0;
  bool skipped = false;
  Seconds seconds = {}, waited = {};  // the whole step; of it, for data
  Tokens tokens = {};                 // of the run so far, in its surviving lineage
  Flops flops = {};                   // model FLOPs by `exact`, all attempts
  Seconds startup = {};               // of this attempt, before its first step
};

struct EvaluationProgress {
  std::int64_t step = 0;
  double loss = 0;
  Seconds seconds = {};
};

struct SaveProgress {
  std::int64_t step = 0;
  bool done = false;         // false: it failed
  Seconds seconds, blocked;  // from the start to the commit; of it, training did nothing else
  Bytes bytes;
};

class RunMonitor {
 public:
  virtual ~RunMonitor() = default;
  virtual void message(const std::string& line) = 0;
  virtual void step(const StepProgress& progress) = 0;
  virtual void started(const RunStart&) {}
  virtual void evaluated(const EvaluationProgress&) {}
  virtual void saved(const SaveProgress&) {}
};

}  // namespace ergon
