// SPDX-License-Identifier: Apache-2.0
// The parameters of one tensor rank, in the order of the flat buffer, and the ids by which the layers know them.
//
// Logical names, as on disk, unfused, weights [out, in]: embedding.tokens.weight [V, D], embedding.positions.weight [T, D] (learned
// positions); layers.N.{attention_norm, mlp_norm}.{weight, bias}; layers.N.attention.{query, key, value, output}.{weight, bias};
// layers.N.mlp.{gate (swiglu), up, down}.{weight, bias}; head.norm.{weight, bias}; head.weight [V, D] (untied). Biases exist when the shape
// has biases; a norm has one when it is a layernorm besides.
//
// Sharding over tp: rows (and biases) of query, key, value, gate, up; columns of output and down, whose biases are replicated; rows of the
// vocabulary tables, padded to a multiple of 128 x tp. Key and value rows are held by kv_replicas adjacent ranks when K < tp. Norms,
// positions and row-parallel biases are replicated and their gradients are equal on all tensor ranks (there is no sequence parallelism): no
// sum is needed, tensor rank 0 counts them.
#pragma once

#include <vector>

#include "configs/model_shape.hpp"
#include "trainer/layers/ids.hpp"
#include "trainer/model/parameter.hpp"

namespace ergon {

struct ModelDeclaration {
  std::vector<ParameterSpec> specs;             // unit order: embedding 0, layers 1..L, head L+1
  std::vector<std::vector<ParameterId>> packs;  // {query, key, value} and {gate, up}: weights, and biases
  int num_units = 0;

  EmbeddingIds embedding;
  std::vector<BlockIds> blocks;  // by layer, from 0
  HeadIds head;
};

// Throws Error where the shape does not divide over tp (parallel/plan/head_partition.hpp).
ModelDeclaration declare_parameters(const ModelShape& shape, int tp, int tp_rank);

}  // namespace ergon
