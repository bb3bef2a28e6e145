// SPDX-License-Identifier: Apache-2.0
#include "accounting/parameters.hpp"

namespace ergon {
namespace {

std::int64_t layer_weights(const ModelShape& s) {
  const std::int64_t query = s.width * s.heads * s.head_width;
  const std::int64_t key = s.width * s.kv_heads * s.head_width;
  const std::int64_t projections_of_mlp = s.mlp == Mlp::swiglu ? 3 : 2;
  return 2 * query + 2 * key + projections_of_mlp * s.width * s.ffn_width;
}

std::int64_t norm(const ModelShape& s) { return s.norm == Norm::layernorm && s.biases ? 2 * s.width : s.width; }

std::int64_t layer_biases(const ModelShape& s) {
  if (!s.biases) return 0;
  const std::int64_t ffn = s.mlp == Mlp::swiglu ? 2 * s.ffn_width : s.ffn_width;
  return (s.heads + 2 * s.kv_heads) * s.head_width + s.width + ffn + s.width;
}

}  // namespace

ParameterCounts count_parameters(const ModelShape& shape) {
  ParameterCounts counts;
  counts.token_table = shape.vocabulary * shape.width;
  counts.positions = shape.positions == Positions::learned ? shape.sequence * shape.width : 0;
  counts.embedding = counts.token_table * (shape.tied ? 1 : 2) + counts.positions;
  counts.non_embedding = shape.layers * (layer_weights(shape) + layer_biases(shape) + 2 * norm(shape)) + norm(shape);
  counts.total = counts.embedding + counts.non_embedding;
  counts.matmul = shape.layers * layer_weights(shape) + counts.token_table;
  return counts;
}

}  // namespace ergon
