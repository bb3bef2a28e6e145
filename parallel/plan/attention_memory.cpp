// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/attention_memory.hpp"

#include <algorithm>

#include "configs/error.hpp"
#include "parallel/plan/attention_formulas.hpp"
#include "parallel/plan/head_exchange.hpp"

namespace ergon {
namespace {

AttentionSymbols<std::int64_t> symbols_of_rank(const ContextSharding& sharding, std::int64_t gather_heads, const AttentionExtent& extent,
                                               int rank) {
  const int u = sharding.exchanging();
  std::int64_t key_heads = 0;
  for (int other = 0; other < u; ++other) key_heads += exchanged_heads(extent.heads, extent.kv_heads, u, other).num_kv;
  const HeadRange own = exchanged_heads(extent.heads, extent.kv_heads, u, rank % u);
  const std::int64_t rows = extent.batch * extent.sequence / sharding.cp, group_rows = rows * u, q = extent.head_width;
  return {.ranks = sharding.cp,
          .exchanging = u,
          .ring = sharding.ring(),
          .queries = rows * extent.heads * q,
          .keys = rows * key_heads * q,
          .statistics = rows * extent.heads,
          .own_queries = group_rows * own.num_query * q,
          .own_keys = group_rows * own.num_kv * q,
          .own_statistics = group_rows * own.num_query,
          .gathers = extent.kv_heads / gather_heads,
          .gathered_keys = rows * gather_heads * q,
          .wire = extent.wire,
          .exact = extent.exact,
          .exact_is_double = extent.exact == 8};
}

Bytes padded_bytes(const AttentionTensorList<std::int64_t>& tensors) {
  constexpr std::int64_t alignment = 64;
  std::int64_t sum = 0;
  for (const auto& tensor : tensors)
    sum += tensor.count * ((std::max<std::int64_t>(1, tensor.elements) * tensor.element_size + alignment - 1) / alignment * alignment);
  return Bytes{sum};
}

}  // namespace

AttentionMemory attention_memory(const ContextSharding& sharding, std::int64_t gather_heads, const AttentionExtent& extent, int rank) {
  ERGON_CHECK(rank >= 0 && rank < sharding.cp && extent.sequence % sharding.cp == 0, "context rank {} of {} for {} positions", rank,
              sharding.cp, extent.sequence);
  const AttentionSymbols<std::int64_t> s = symbols_of_rank(sharding, gather_heads, extent, rank);
  AttentionTensorPlan<std::int64_t> plan;
  if (sharding.attention == AttentionSharding::gather_kv && sharding.cp > 1) {
    plan = gather_tensors(s);
  } else {
    if (sharding.exchanging() > 1) plan = exchange_tensors(s);
    plan.add(sharding.ring() > 1 ? ring_tensors(s) : dense_tensors(s));
  }
  return {padded_bytes(plan.kept), padded_bytes(plan.forward), padded_bytes(plan.backward)};
}

}  // namespace ergon
