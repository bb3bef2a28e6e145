// SPDX-License-Identifier: Apache-2.0
// What a strategy of parallel/context_parallel holds beside q, k, v, the output and their gradients, in bytes of one rank: a list of
// tensors, each rounded up to 64 bytes as the trainer's arenas give them. The tiles of a kernel are not among them.
//
// Example: ring, P = 2, B = 1, S = 64, H = K = 2, Q = 8, float64: 32 rows, n = 512 elements, l = 64. Kept: 2 n * 8 + l * 8 = 8704 bytes.
#pragma once

#include "parallel/plan/attention_traffic.hpp"

namespace ergon {

struct AttentionMemory {
  Bytes kept;               // until backward has read it
  Bytes forward, backward;  // until that pass returns
};

// `rank` among the context ranks: where heads do not divide, ranks hold differently much.
AttentionMemory attention_memory(const ContextSharding& sharding, std::int64_t gather_heads, const AttentionExtent& extent, int rank);

}  // namespace ergon
