// SPDX-License-Identifier: Apache-2.0
// How many parameters a shape has, split the ways that FLOP conventions ask for. Vocabulary without padding; tied tables once. Throws Error
// above 2^53.
//
// Example: GPT-2 124M (V = 50257, biases, tied): total 124,439,808 = embedding 39,383,808 + non_embedding 85,056,000; matmul 123,532,032.
#pragma once

#include <cstdint>

#include "configs/model_shape.hpp"

namespace ergon {

struct ParameterCounts {
  std::int64_t total = 0;
  std::int64_t embedding = 0;      // token table, learned positions, and the head's table when it is not tied (Kaplan's sense of embedding)
  std::int64_t non_embedding = 0;  // total - embedding
  std::int64_t matmul = 0;         // weights that a token is multiplied with: projections, MLP, and the head once
  std::int64_t positions = 0;      // learned positions, part of embedding
  std::int64_t token_table = 0;    // V x D

  bool operator==(const ParameterCounts&) const = default;
};

ParameterCounts count_parameters(const ModelShape& shape);

}  // namespace ergon
