// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/stage_units.hpp"

#include "parallel/plan/stage_partition.hpp"

namespace ergon {

UnitPlan stage_units(const ModelShape& shape, int pp, int virtual_stages, int stage) {
  const std::vector<StageChunk> chunks = partition_layers(shape.layers, pp, virtual_stages, stage);
  const bool embedding = chunks.front().embedding, head = chunks.back().head, twice = shape.tied && pp > 1;
  UnitPlan plan{.tables = embedding || (head && twice) ? 1 : 0,
                .chunks = {},
                .head = head,
                .table_of_head = head && shape.tied,
                .table_twice = twice && (embedding || head)};
  if (embedding && twice && shape.positions == Positions::learned) ++plan.tables;
  for (const StageChunk& chunk : chunks) plan.chunks.push_back(static_cast<int>(chunk.num_layers));
  return plan;
}

}  // namespace ergon
