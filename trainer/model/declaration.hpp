// SPDX-License-Identifier: Apache-2.0
// The parameters of one rank, in the order of the flat buffer, and the ids by which the layers know them: what its pipeline stage holds,
// and of each what its tensor rank holds.
//
// Logical names, as on disk, unfused, weights [out, in]: embedding.tokens.weight [V, D], embedding.positions.weight [T, D] (learned
// positions); layers.N.{attention_norm, mlp_norm}.{weight, bias}; layers.N.attention.{query, key, value, output}.{weight, bias};
// layers.N.mlp.{gate (swiglu), up, down}.{weight, bias}; head.norm.{weight, bias}; head.weight [V, D] (untied). Biases exist when the shape
// has biases; a norm has one when it is a layernorm besides.
//
// Sharding over tp: rows (and biases) of query, key, value, gate, up; columns of output and down, whose biases are replicated; rows of the
// vocabulary tables, padded to a multiple of 128 x tp. Key and value rows are held by kv_replicas adjacent ranks when K < tp. Norms,
// positions and row-parallel biases are replicated, tensor rank 0 counts them. Their gradients are equal on all tensor ranks and need no
// sum; under sequence parallelism each rank has a part, and they are partial over tp.
//
// Over pp a stage has the layers of its chunks; the first one the embedding, the last one the head. A tied table is then held by both, as
// unit 0 of each: its gradient is partial over `embedding`, and the first stage counts it. Learned positions are then a unit of their own,
// so that both ranks cut the table alike where they own parts of it.
#pragma once

#include <vector>

#include "configs/model_shape.hpp"
#include "parallel/plan/stage_partition.hpp"
#include "parallel/plan/unit_plan.hpp"
#include "trainer/layers/ids.hpp"
#include "trainer/model/parameter.hpp"
#include "trainer/model/placement.hpp"

namespace ergon {

struct ModelDeclaration {
  std::vector<ParameterSpec> specs;             // in the order of the units
  std::vector<std::vector<ParameterId>> packs;  // {query, key, value} and {gate, up}: weights, and biases
  UnitPlan units;                               // numbered from 0 on every rank
  int table_unit = no_unit, positions_unit = no_unit, first_block_unit = no_unit, head_unit = no_unit;  // where this rank has one
  static constexpr int no_unit = -1;

  std::vector<StageChunk> chunks;
  EmbeddingIds embedding;        // of the first stage
  std::vector<BlockIds> blocks;  // of the chunks, one after the other
  HeadIds head;                  // of the last stage
};

// Throws Error where the shape does not divide over tp or pp (parallel/plan/head_partition.hpp, stage_partition.hpp).
ModelDeclaration declare_parameters(const ModelShape& shape, const Placement& placement);
inline ModelDeclaration declare_parameters(const ModelShape& shape, int tp, int tp_rank) {
  return declare_parameters(shape, {.tp = tp, .tp_rank = tp_rank});
}

}  // namespace ergon
