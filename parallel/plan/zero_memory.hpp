// SPDX-License-Identifier: Apache-2.0
// Bytes of a rank for parameters, gradients and optimizer state, by the way dp x cp share them; what the trainer allocates, to the byte.
//
// F elements of all units (padded), S = F / n of a rank's shard, w and a bytes of a weight and of its accumulator, U the elements of the
// buffers for units at work (unit_buffers), b the largest bucket:
//
//   stage        parameters                gradients                          optimizer
//   none         F w  [+ F a]              F a            [+ S a + b a]       2 F a
//   optimizer    F w  [+ S a]              F a + S a      [+ b a]             2 S a
//   parameters   S a  [+ S w]  + U w       U a + S a + b a / n  [b a]         2 S a
//
// First brackets: weights rounded from masters (w < a). Second: the deterministic mode, in which a bucket arrives from all ranks in parts
// (no buffer for one rank).
//
// Of a pipeline this is one stage's. Where the gradients of every microbatch leave (ZeroStage::parameters, deterministic mode), buckets
// are those of round_groups.
//
// Example: units of 64, 96, 96, 32 float32 elements over 2 ranks, one bucket: F = 288, S = 144. none: 1152, 1152, 2304; optimizer: 1152,
// 1728, 1152; parameters (table and head share a buffer: U = 64 + 96 + 96): 576 + 1024, 1024 + 576 + 192, 1152.
#pragma once

#include <cstdint>
#include <vector>

#include "configs/quantities.hpp"
#include "parallel/plan/unit_plan.hpp"
#include "parallel/plan/zero_partition.hpp"

namespace ergon {

struct ZeroSetup {
  ZeroStage stage = ZeroStage::none;
  int ranks = 1;  // of dp x cp
  bool deterministic = false;
  UnitPlan units = {};
  std::int64_t weight_size = 4, accumulator_size = 4;  // bytes
  Bytes bucket = {25 << 20};
};

struct StateBytes {
  Bytes parameters, gradients, optimizer;
  Bytes total() const { return parameters + gradients + optimizer; }
};

// `units`: the ranges of setup.units in the flat buffer, padded to equal parts where ranks own some.
StateBytes state_bytes(const std::vector<ElementRange>& units, const ZeroSetup& setup);

}  // namespace ergon
