// SPDX-License-Identifier: Apache-2.0
// Our own kernel, after FlashAttention-2 (Dao 2023): tiles of queries against tiles of keys, softmax kept online, scores recomputed in
// backward, tiles without a visible pair skipped. Everything of LocalAttention, float, double or bfloat16 (widened tile by tile). Parallel
// over (sample, key head), so that dK and dV have one writer and one order of summation: results do not depend on the number of threads.
//
// Not to be called from two threads at once: it owns its scratch memory.
#pragma once

#include <cstdint>
#include <vector>

#include "parallel/local_attention.hpp"
#include "trainer/attention/block_plan.hpp"

namespace ergon {

class TiledAttention final : public LocalAttention {
 public:
  explicit TiledAttention(std::int64_t query_tile = 64, std::int64_t key_tile = 64)
      : query_tile_(query_tile), key_tile_(key_tile), plans_(query_tile, key_tile) {}

  const char* name() const override { return "tiled"; }
  AttentionTiles tiles() const override;
  AttentionWork forward(const AttentionBlock& block, AttentionOutput& result) const override;
  AttentionWork backward(const AttentionBlock& block, const AttentionUpstream& upstream, AttentionGradients& result) const override;

 private:
  template <class T, class Task>
  std::int64_t share(std::int64_t tasks, std::int64_t elements, const Task& task) const;

  std::int64_t query_tile_, key_tile_;
  mutable BlockPlans plans_;
  mutable std::vector<at::Tensor> scratch_;  // one buffer a thread, grown in the first calls
};

}  // namespace ergon
