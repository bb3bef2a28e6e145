// SPDX-License-Identifier: Apache-2.0
// Head exchange among adjacent context ranks, rings across their groups: cp = u x r. With u = 2, r = 2 ranks 0 1 and 2 3 exchange heads,
// ranks 0 2 and 1 3 form rings. A layout cuts the sequence for all cp ranks; the rows of adjacent ranks together are what the same layout
// would give one of r ranks, so zigzag stays balanced.
//
// Sends what a head exchange of u ranks on S/r rows sends, and what a ring of r members with heads/u sends.
#pragma once

#include "parallel/context_parallel/strategy.hpp"

namespace ergon {

// The groups must outlive it.
std::unique_ptr<AttentionStrategy> make_hybrid_attention(const ContextSharding& sharding, const AttentionKernel& kernel,
                                                         const ContextGroups& groups);

}  // namespace ergon
