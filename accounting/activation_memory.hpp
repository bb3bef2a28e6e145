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
// besides statistics: of each norm one or two numbers a row, of the core one a row and head (up to selective). Where the core is kept, so
// is what the strategy of context ranks left for its backward (parallel/context_parallel/README.md): the block of keys and values that a
// ring ends with, q k v and the output after an exchange of heads.
//
// Example: T = 128, B = 1, D = 64, H = K = 4, Q = 16, F = 256, gelu, float32, one rank: none 4 * 128 * 64 + 128 * (192 + 64 + 512) elements
// a layer, and 4 * 128 + 4 * 128 of statistics: 528,384 bytes.
#pragma once

#include <vector>

#include "configs/model_shape.hpp"
#include "configs/quantities.hpp"
#include "configs/run_config.hpp"
#include "parallel/plan/context_blocks.hpp"
#include "parallel/plan/pipeline_schedule.hpp"
#include "parallel/plan/stage_partition.hpp"

namespace ergon {

// What a rank has of a microbatch.
struct ActivationShare {
  std::int64_t samples = 1, length = 0;  // B, and T of this context rank
  int tp = 1, tp_rank = 0;
  bool sequence_parallel = false;
  Recompute recompute = Recompute::none;
  DType dtype = DType::float32;
  ContextSharding context = {};
  int context_rank = 0;
};

// Of the chunk's layers, embedding and head, as far as it has them; without what came from the chunk before and went to the one after it,
// which the pipeline's buffers hold.
Bytes kept_activations(const ModelShape& shape, const StageChunk& chunk, const ActivationShare& share);
// What the halves of backward keep besides where they come apart (zero_bubble), from backward_input to backward_weight: of a layer the
// gradients of both branches and what they are made of, and what the policy rebuilt. In elements, without tensor ranks:
//
//   none        4 R D + N (E + U)          U = G for gelu; a gate keeps its gradient where its columns were
//   selective   6 R D + N (E + U + F)
//   core        6 R D + N (E + U + F + C)  and the core's statistics again
//   full        4 R D + N (E + U)          and what `none` keeps of a layer
//
// Sequence parallelism adds 4 N D, gathered and partial sums. The head adds R D (2 R D from `selective` on), the embedding R D.
Bytes kept_between_halves(const ModelShape& shape, const StageChunk& chunk, const ActivationShare& share);

// The most that a stage keeps at once; `kept` and `between_halves` by chunk. Without `split` a backward is one, and nothing lies between.
Bytes most_kept(const PipelinePlan& plan, int stage, const std::vector<Bytes>& kept, const std::vector<Bytes>& between_halves);

}  // namespace ergon
