// SPDX-License-Identifier: Apache-2.0
// One training step, from a batch to updated parameters. trainer/step.cpp shows the whole order on one screen.
#pragma once

#include <cstdint>
#include <functional>

#include "configs/quantities.hpp"
#include "trainer/data/loader.hpp"
#include "trainer/microbatches.hpp"
#include "trainer/replica.hpp"
#include "trainer/stop.hpp"

namespace ergon {

// Where the seconds of a step went, on this rank.
struct StepSeconds {
  Seconds forward, backward, reduce, optimizer;
};

// What the run around a step has to do with it; each may be empty.
struct StepCalls {
  std::function<bool(double loss)> leaps;  // whether a finite loss is out of line
  std::function<bool()> writing;           // whether a save is still being written here
  std::function<Seconds()> before_update;  // parameters and moments are about to change; how long that had to wait
};

struct StepResult {
  double loss = 0;       // sum over the step's valid tokens / their number, over all ranks; 0 when there are none
  double grad_norm = 0;  // global, before clipping
  double lr = 0;
  bool clipped = false;
  bool skipped = false;                  // loss or norm not finite, agreed by all ranks: parameters and moments unchanged
  bool leaped = false;                   // some rank finds the loss out of line
  bool writing = false;                  // some rank is still writing a save
  StopRequest stop = StopRequest::none;  // the largest that any rank brought
  Seconds held = {};                     // what before_update waited, on this rank
  StepSeconds seconds;
};

// Collective over the mesh; `step` counts from 1. The ranks agree on what any of them has been asked to do in a reduction that the step
// needs anyway. Throws Error (ExitCode::stuck) when a stop is pending here and the other ranks do not come to that agreement within 5 s.
StepResult run_step(Replica& replica, const StepBatch& batch, std::int64_t step, const PendingStop& pending_stop = {},
                    const StepCalls& calls = {});

}  // namespace ergon
