// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/hybrid.hpp"

#include "parallel/context_parallel/ring.hpp"
#include "parallel/context_parallel/ulysses.hpp"

namespace ergon {

std::unique_ptr<AttentionStrategy> make_hybrid_attention(const ContextSharding& sharding, const AttentionKernel& kernel,
                                                         const ContextGroups& groups) {
  return std::make_unique<UlyssesAttention>(sharding, groups.cp.rank(), groups.exchange,
                                            std::make_unique<RingAttention>(sharding, kernel, groups.ring));
}

}  // namespace ergon
