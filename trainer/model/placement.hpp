// SPDX-License-Identifier: Apache-2.0
// Where a rank stands in the model: which shard of a layer it holds, and which layers.
#pragma once

#include "configs/run_config.hpp"
#include "parallel/plan/mesh.hpp"

namespace ergon {

struct Placement {
  int tp = 1, tp_rank = 0;
  int pp = 1, stage = 0, virtual_stages = 1;  // chunks a stage: parallel/plan/stage_partition.hpp
  bool sequence_parallel = false;             // between tensor-parallel products a rank has 1 / tp of the rows
};

inline Placement placement_of(const MeshSection& section, const Mesh& mesh, int rank) {
  return {.tp = mesh.size(Axis::tp),
          .tp_rank = mesh.coordinate(rank, Axis::tp),
          .pp = mesh.size(Axis::pp),
          .stage = mesh.coordinate(rank, Axis::pp),
          .virtual_stages = mesh.size(Axis::pp) > 1 ? static_cast<int>(section.virtual_stages) : 1,
          .sequence_parallel = section.sequence_parallel && mesh.size(Axis::tp) > 1};
}

}  // namespace ergon
