// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/attention_traffic.hpp"

#include "configs/dtype_size.hpp"
#include "configs/error.hpp"
#include "parallel/plan/attention_formulas.hpp"
#include "parallel/plan/head_exchange.hpp"
#include "parallel/plan/head_partition.hpp"

namespace ergon {
namespace {

// Sums over the context ranks: the exchange moves elements, it makes none.
AttentionSymbols<std::int64_t> sums_over_ranks(const ContextSharding& sharding, std::int64_t gather_heads, const AttentionExtent& extent) {
  const int u = sharding.exchanging();
  std::int64_t key_heads = 0;
  for (int rank = 0; rank < u; ++rank) key_heads += exchanged_heads(extent.heads, extent.kv_heads, u, rank).num_kv;
  const std::int64_t positions = extent.batch * extent.sequence, queries = positions * extent.heads * extent.head_width,
                     keys = positions * key_heads * extent.head_width, statistics = positions * extent.heads;
  return {.ranks = sharding.cp,
          .exchanging = u,
          .ring = sharding.ring(),
          .queries = queries,
          .keys = keys,
          .statistics = statistics,
          .own_queries = queries,
          .own_keys = keys,
          .own_statistics = statistics,
          .gathers = extent.kv_heads / gather_heads,
          .gathered_keys = positions * gather_heads * extent.head_width,
          .wire = extent.wire,
          .exact = extent.exact};
}

void append(std::vector<AttentionSent>& sent, const AttentionMessageList<std::int64_t>& messages) {
  for (const auto& message : messages) sent.push_back({message.operation, message.calls, Bytes{message.bytes}});
}

}  // namespace

AttentionExtent attention_extent(const RunConfig& config) {
  const HeadPartition heads = partition_heads(config.model.heads, config.model.kv_heads, static_cast<int>(config.mesh.tp), 0);
  return {.batch = config.train.microbatch,
          .sequence = config.model.sequence,
          .heads = heads.num_query,
          .kv_heads = heads.num_kv,
          .head_width = config.model.head_width,
          .wire = bytes_of(config.train.dtype),
          .exact = accumulator_bytes_of(config.train.dtype)};
}

AttentionSent total(const std::vector<AttentionSent>& sent) {
  AttentionSent sum{"", 0, Bytes{}};
  for (const AttentionSent& part : sent) {
    sum.calls += part.calls;
    sum.bytes += part.bytes;
  }
  return sum;
}

AttentionTraffic attention_traffic(const ContextSharding& sharding, std::int64_t gather_heads, const AttentionExtent& extent) {
  AttentionTraffic traffic;
  if (sharding.cp == 1) return traffic;
  ERGON_CHECK(extent.sequence % sharding.cp == 0 && extent.kv_heads % gather_heads == 0,
              "{} positions, {} key heads for cp = {}, {} at once", extent.sequence, extent.kv_heads, sharding.cp, gather_heads);
  const AttentionSymbols<std::int64_t> s = sums_over_ranks(sharding, gather_heads, extent);
  if (sharding.attention == AttentionSharding::gather_kv) {
    append(traffic.forward, gather_forward_messages(s));
    append(traffic.backward, gather_backward_messages(s));
    return traffic;
  }
  if (sharding.exchanging() > 1) {
    append(traffic.forward, exchange_forward_messages(s));
    append(traffic.backward, exchange_backward_messages(s));
  }
  if (sharding.ring() > 1) {
    append(traffic.forward, ring_forward_messages(s));
    append(traffic.backward, ring_backward_messages(s));
  }
  return traffic;
}

}  // namespace ergon
