// SPDX-License-Identifier: Apache-2.0
// The mesh of a run on another number of ranks than its run file has: what an elastic job takes when nodes are missing, or come back.
//
// Data parallelism gives way: dp becomes the largest number that divides train.batch and fits, with tp, pp and cp as they are, and
// train.microbatch the largest divisor of batch / dp that is not above the run file's. So a step has the same samples in the same order on
// every such mesh. launch.meshes, when given, says instead which meshes may be taken, best first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configs/run_config.hpp"

namespace ergon {

struct FittedMesh {
  std::int64_t dp = 1, pp = 1, cp = 1, tp = 1;
  std::int64_t microbatch = 1;

  std::int64_t ranks() const { return dp * pp * cp * tp; }
  bool operator==(const FittedMesh&) const = default;
};

// Whether the run file lets the mesh change: launch.min_nodes or launch.meshes is given.
bool is_elastic(const RunConfig& config);

// The best mesh for at most `world` ranks. Throws Error (ExitCode::world) with the numbers of ranks that would do when none fits, and Error
// (ExitCode::config) for an entry of launch.meshes that is none.
FittedMesh fit_mesh(const RunConfig& config, std::int64_t world);

// The run file as it is on that mesh: keys of an axis that is gone are back at their defaults.
RunConfig on_mesh(RunConfig config, const FittedMesh& mesh);

}  // namespace ergon
