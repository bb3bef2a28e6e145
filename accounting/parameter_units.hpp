// SPDX-License-Identifier: Apache-2.0
// The parameters of one rank as the flat buffers hold them: units (parallel/plan/unit_plan.hpp), whose parameters start at 64 bytes
// each and which are padded to equal parts of their owners. What travels of a step's gradients and weights follows from these sizes.
//
// Example: V = 257, D = 8, RMSNorm, untied, rotary, float32, tp = 1: the embedding is one parameter of 384 x 8 elements (vocabulary padded
// to 128), the head a norm of 8 elements and a table of 384 x 8. Over 2 owners: units of 3072 and 3104 elements, the head's from 16 + 3072
// = 3088 up to a multiple of 32.
#pragma once

#include <cstdint>
#include <vector>

#include "configs/model_shape.hpp"
#include "parallel/plan/shard_box.hpp"

namespace ergon {

struct UnitParameter {
  std::int64_t elements;    // of this tensor rank, vocabulary padding included
  std::int64_t counted;     // of them, those that this rank counts in the norm: each element once over tp and pp, no padding
  bool follows = false;     // directly behind the parameter before it
  bool over_rows = false;   // under sequence parallelism its gradient is a sum over the rows of tensor ranks
  bool over_kv = false;     // held by the ranks that have replicas of a key/value head
  bool over_table = false;  // a tied table, held by the first stage of a pipeline and by the last
};

using ParameterUnit = std::vector<UnitParameter>;

struct TensorPlace {
  int tp = 1, tp_rank = 0;
};

// Of one pipeline stage of `pp`, whose chunks hold its layers.
std::vector<ParameterUnit> parameter_units(const ModelShape& shape, TensorPlace place, int pp, int virtual_stages, int stage);

// Where they lie: weights of `weight_size` bytes, units padded to `owners` equal parts.
std::vector<ElementRange> unit_ranges(const std::vector<ParameterUnit>& units, std::int64_t weight_size, int owners);

}  // namespace ergon
