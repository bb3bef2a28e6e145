// SPDX-License-Identifier: Apache-2.0
// What a rank keeps of one microbatch from its forward to its backward, in bytes: a list of tensors, each rounded up to 64 bytes as the
// trainer's arena gives them. The trainer's arenas hold exactly this (tests/trainer/model/recompute_test.cpp).
//
// By policy, elements of a layer with R rows of the residual stream and N rows of the rest (R = N, or N / tp under sequence parallelism),
// C = H Q and E = (H + 2 K) Q of this tensor rank, G columns before and F after the activation:
//
//   none        4 R D + N (E + C + G + F)      a layer's output, the middle of the residual stream, two norm outputs
//   selective   2 R D + N (E + C + G)
//   core        2 R D + N (E + G)
//   full          R D
//
// besides statistics: of each norm one or two numbers a row, of the core one a row and head (up to selective).
//
// Example: T = 128, B = 1, D = 64, H = K = 4, Q = 16, F = 256, gelu, float32, one rank: none 4 * 128 * 64 + 128 * (192 + 64 + 512) elements
// a layer, and 4 * 128 + 4 * 128 of statistics: 528,384 bytes.
#pragma once

#include "configs/model_shape.hpp"
#include "configs/quantities.hpp"
#include "configs/run_config.hpp"
#include "parallel/plan/stage_partition.hpp"

namespace ergon {

// What a rank has of a microbatch.
struct ActivationShare {
  std::int64_t samples = 1, length = 0;  // B, and T of this context rank
  int tp = 1, tp_rank = 0;
  bool sequence_parallel = false;
  Recompute recompute = Recompute::none;
  DType dtype = DType::float32;
};

// Of the chunk's layers, embedding and head, as far as it has them; without what came from the chunk before and went to the one after it,
// which the pipeline's buffers hold.
Bytes kept_activations(const ModelShape& shape, const StageChunk& chunk, const ActivationShare& share);

}  // namespace ergon
