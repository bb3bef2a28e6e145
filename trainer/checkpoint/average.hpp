// SPDX-License-Identifier: Apache-2.0
// The weighted mean of checkpoints of one model, as people make of the last few of a run or of several runs from one start.
#pragma once

#include <string>
#include <vector>

#include "trainer/checkpoint/canonical.hpp"
#include "trainer/checkpoint/checkpoint_reader.hpp"

namespace ergon {

// Parameters and moments alike, summed in fp64 in the order given and rounded once; integers must be equal. `weights`: one a checkpoint,
// above 0, divided by their sum; empty: equal. State, run and provenance are those of the first; the id is new, and the record "merged"
// lists what went in. Throws Error (ExitCode::data) for tensors that are not in all of them, or of another shape or type.
CanonicalContents average(const std::vector<CheckpointReader>& checkpoints, std::vector<double> weights);

}  // namespace ergon
