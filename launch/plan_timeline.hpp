// SPDX-License-Identifier: Apache-2.0
// `ergon plan --timeline`: the pipeline schedule of a run, as the trainer will run it.
#pragma once

#include <string>
#include <vector>

#include "configs/run_config.hpp"

namespace ergon {

enum class TimelineFormat { text, json };

// A line a stage, then how much of the time a stage idles, beside the formula of the schedule's paper, how many microbatches it keeps at
// once, the bytes of activations that they take on a rank, and the second copy that saves beside training take. Time is counted in units:
// forward, and each half of backward, of one chunk. Throws Error for a run that the trainer would refuse (parallel/plan/refusals.hpp), on
// any number of ranks.
std::string timeline_of(const RunConfig& config, TimelineFormat format);

}  // namespace ergon
