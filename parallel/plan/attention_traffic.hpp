// SPDX-License-Identifier: Apache-2.0
// What the strategies of parallel/context_parallel send for the attention of one layer and microbatch, to the byte: accounting and planners
// predict with it, and tests compare it with what communicators report.
//
// Example: ring of P = 4, B = 1, S = 64, K = 2, Q = 8, float32: keys of a rank n = 16 * 2 * 8 = 256 elements. Forward: 3 calls a rank of 2
// n elements, over the group 4 * 3 * 512 * 4 = 24,576 bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "configs/quantities.hpp"
#include "parallel/plan/context_blocks.hpp"

namespace ergon {

// Of one tensor rank's attention, over all context ranks.
struct AttentionExtent {
  std::int64_t batch = 1, sequence = 0, heads = 0, kv_heads = 0, head_width = 0;
  std::int64_t wire = 4, exact = 4;  // bytes of an element of activations and of the accumulator
};
// Of one microbatch of a run.
AttentionExtent attention_extent(const RunConfig& config);

struct AttentionSent {
  const char* operation;   // as communicators name it
  std::int64_t calls = 0;  // of one rank
  Bytes bytes;             // summed over the context ranks
};

struct AttentionTraffic {
  std::vector<AttentionSent> forward, backward;
};
AttentionSent total(const std::vector<AttentionSent>& sent);

// `gather_heads` divides the key heads; the layout divides the sequence. One context rank sends nothing.
AttentionTraffic attention_traffic(const ContextSharding& sharding, std::int64_t gather_heads, const AttentionExtent& extent);

}  // namespace ergon
