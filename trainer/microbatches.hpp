// SPDX-License-Identifier: Apache-2.0
// The microbatches of a step, or of an evaluation, through this rank's part of the model: what the pipeline's schedule calls. Without a
// pipeline the schedule is one stage's: forward, backward, one microbatch after the other.
#pragma once

#include <cstdint>
#include <vector>

#include "configs/quantities.hpp"
#include "parallel/pipeline_executor.hpp"
#include "trainer/data/loader.hpp"
#include "trainer/replica.hpp"

namespace ergon {

// Where the seconds of the passes went, on this rank; waiting for other stages included.
struct PassSeconds {
  Seconds forward, backward;
};

struct TrainingPasses {
  double loss = 0;  // sum over this rank's microbatches; 0 on stages before the last
  PassSeconds seconds;
};
// Gradients of (sum of losses) x loss_scale, over this rank's microbatches, into the store. During the last microbatch, or in each where
// owners add them up, each unit, once its gradients are complete, is summed over the ranks that have parts of it and handed to
// replica.reduction. Collective over the stages.
TrainingPasses run_training_passes(Replica& replica, const StepBatch& batch, std::int64_t step, double loss_scale);

// The sum of the losses, without dropout; 0 on stages before the last. Each is given to `ordered` too, unless that is null. Collective
// over the stages.
double run_evaluation_passes(Replica& replica, const StepBatch& batch, OrderedLoss* ordered = nullptr);

}  // namespace ergon
