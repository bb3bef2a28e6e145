// SPDX-License-Identifier: Apache-2.0
#include "accounting/parameters.hpp"

#include "configs/error.hpp"

namespace ergon {
namespace {

// Wide enough for any shape whose keys are each in range; what is handed out fits 2^53.
using SignedWide = __int128;

SignedWide layer_weights(const ModelShape& s) {
  const SignedWide query = SignedWide{s.width} * s.heads * s.head_width;
  const SignedWide key = SignedWide{s.width} * s.kv_heads * s.head_width;
  const std::int64_t projections_of_mlp = s.mlp == Mlp::swiglu ? 3 : 2;
  return 2 * query + 2 * key + SignedWide{projections_of_mlp} * s.width * s.ffn_width;
}

std::int64_t norm(const ModelShape& s) { return s.norm == Norm::layernorm && s.biases ? 2 * s.width : s.width; }

std::int64_t layer_biases(const ModelShape& s) {
  if (!s.biases) return 0;
  const std::int64_t ffn = s.mlp == Mlp::swiglu ? 2 * s.ffn_width : s.ffn_width;
  return (s.heads + 2 * s.kv_heads) * s.head_width + s.width + ffn + s.width;
}

}  // namespace

ParameterCounts count_parameters(const ModelShape& shape) {
  const SignedWide tables = SignedWide{shape.vocabulary} * shape.width * (shape.tied ? 1 : 2) + SignedWide{shape.sequence} * shape.width;
  const SignedWide layers = shape.layers * (layer_weights(shape) + layer_biases(shape) + 2 * norm(shape)) + norm(shape);
  if (tables + layers > SignedWide{1} << 53)
    throw Error("the model has more than 2^53 parameters", "model", "lower model.layers, model.width, model.heads or model.ffn_width");

  ParameterCounts counts;
  counts.token_table = shape.vocabulary * shape.width;
  counts.positions = shape.positions == Positions::learned ? shape.sequence * shape.width : 0;
  counts.embedding = counts.token_table * (shape.tied ? 1 : 2) + counts.positions;
  counts.non_embedding = static_cast<std::int64_t>(layers);
  counts.total = counts.embedding + counts.non_embedding;
  counts.matmul = static_cast<std::int64_t>(shape.layers * layer_weights(shape)) + counts.token_table;
  return counts;
}

}  // namespace ergon
