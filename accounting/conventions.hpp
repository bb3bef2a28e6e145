// SPDX-License-Identifier: Apache-2.0
// The published ways to state the FLOPs of a training run, as rows of one table. They differ in what they count as parameters and as
// attention; a figure without its convention's id says nothing. Totals are exact per sequence, because a convention per token need not be a
// whole number (windows).
//
//   6n     6 N per token, N = all parameters, tied tables once
//   palm   6 N + 12 L H Q s per token, N without positions and without an untied input table; attention s x s
//   exact  6 x matmul parameters (head once) per token + 12 L H Q x visible (query, key) pairs per sequence
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "accounting/operations.hpp"

namespace ergon {

struct Convention {
  const char* id;
  const char* definition;
  const char* source;
  Flops (*training)(const ModelShape& shape, std::int64_t length);  // forward and backward of one sequence
  Flops (*forward)(const ModelShape& shape, std::int64_t length);   // of one sequence
};

std::span<const Convention> conventions();
// Throws Error that lists the ids.
const Convention& convention(std::string_view id);

// A figure for every id: what the trainer books.
using FlopsById = std::map<std::string, Flops>;
FlopsById flops_by_convention(const ModelShape& shape, Workload work, Pass pass = Pass::training);

// `tokens` in sequences of `length`, a part of one in proportion, to the nearest FLOP. Throws Error when that does not fit 128 bits.
Flops training_flops(const Convention& convention, const ModelShape& shape, std::int64_t length, Tokens tokens);
// Training FLOPs of a token: all digits, and a fraction of at most six when it is not whole.
std::string per_token(const Convention& convention, const ModelShape& shape, std::int64_t length);

// 6 N D for a model of which only the parameter count is known. Throws Error when it does not fit 128 bits.
Flops six_n_d(Flops parameters, Flops tokens);

}  // namespace ergon
