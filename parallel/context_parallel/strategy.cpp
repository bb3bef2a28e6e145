// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/strategy.hpp"

#include "configs/error.hpp"
#include "parallel/context_parallel/dense.hpp"
#include "parallel/context_parallel/gather_kv.hpp"
#include "parallel/context_parallel/hybrid.hpp"
#include "parallel/context_parallel/ring.hpp"
#include "parallel/context_parallel/ulysses.hpp"

namespace ergon {

std::unique_ptr<AttentionStrategy> make_attention_strategy(const ContextSharding& sharding, std::int64_t gather_heads,
                                                           const AttentionKernel& kernel, const ContextGroups& groups) {
  ERGON_CHECK(groups.cp.size() == sharding.cp, "{} context ranks for cp = {}", groups.cp.size(), sharding.cp);
  if (sharding.cp == 1) return std::make_unique<DenseAttention>(kernel);
  if (sharding.attention == AttentionSharding::gather_kv)
    return std::make_unique<GatherKvAttention>(sharding, gather_heads, kernel, groups.cp);
  if (sharding.exchanging() == 1) return std::make_unique<RingAttention>(sharding, kernel, groups.ring);
  if (sharding.ring() == 1)
    return std::make_unique<UlyssesAttention>(sharding, groups.cp.rank(), groups.exchange, std::make_unique<DenseAttention>(kernel));
  return make_hybrid_attention(sharding, kernel, groups);
}

}  // namespace ergon
