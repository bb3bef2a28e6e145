// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/attention_time.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

namespace ergon {
namespace {

// Two products a pair forward, five backward, each of two FLOPs a column.
double flops(const AttentionExtent& extent, const AttentionRule& rule, AttentionPass pass) {
  const auto pairs = static_cast<double>(whole_mask(rule, extent.sequence).visible_pairs());
  return pairs * static_cast<double>(extent.batch * extent.heads * extent.head_width) * (pass == AttentionPass::forward ? 4 : 10);
}

Seconds travel(const AttentionSent& sent, int ranks, const LinkSpeed& link) {
  return {static_cast<double>(sent.calls) * link.latency.value + static_cast<double>(sent.bytes.value) / ranks / link.bandwidth.value};
}

struct Parts {
  double compute, beyond;  // seconds; beyond: what nothing hides
};

Parts parts_of(const ContextSharding& sharding, std::int64_t gather_heads, const AttentionExtent& extent, const AttentionRule& rule,
               AttentionPass pass, const AttentionMachine& machine) {
  const bool forward = pass == AttentionPass::forward;
  const double compute = flops(extent, rule, pass) / sharding.cp / (forward ? machine.forward : machine.backward).value;
  const AttentionTraffic traffic = attention_traffic(sharding, gather_heads, extent);
  double waited = 0, hops = 0;
  for (const AttentionSent& sent : forward ? traffic.forward : traffic.backward) {
    const std::string_view operation = sent.operation;
    if (operation == "ring_shift")
      hops += travel(sent, sharding.cp, machine.hop).value;
    else
      waited += travel(sent, sharding.cp, operation == "all_to_all" ? machine.exchange : machine.gather).value;
  }
  const double steps = sharding.ring() - 1, block = compute / sharding.ring();
  const double hidden = machine.progress == HopProgress::behind_the_block ? std::min(block * steps, hops) : 0;
  return {compute, waited + hops - hidden};
}

}  // namespace

Seconds attention_seconds(const ContextSharding& sharding, std::int64_t gather_heads, const AttentionExtent& extent,
                          const AttentionRule& rule, AttentionPass pass, const AttentionMachine& machine) {
  const Parts parts = parts_of(sharding, gather_heads, extent, rule, pass, machine);
  return {parts.compute + parts.beyond};
}

Crossover ring_over_ulysses(int cp, const AttentionExtent& extent, const AttentionRule& rule, AttentionPass pass,
                            const AttentionMachine& machine) {
  // Both compute the same, beside which a difference of a latency is lost in the digits.
  const auto ring_is_faster = [&](std::int64_t part) {
    AttentionExtent at = extent;
    at.sequence = part * 2 * cp;
    const auto beyond = [&](AttentionSharding attention) {
      return parts_of({attention, SequenceLayout::zigzag, cp, 1}, 1, at, rule, pass, machine).beyond;
    };
    return beyond(AttentionSharding::ring) < beyond(AttentionSharding::ulysses);
  };
  // Latencies and bytes may let the winner change more than once: the last change is the one, which halving from above comes to first.
  const std::int64_t most = (std::int64_t{1} << 26) / (2 * cp);
  const bool at_last = ring_is_faster(most);
  std::int64_t high = most, low = most / 2;
  while (low >= 1 && ring_is_faster(low) == at_last) high = std::exchange(low, low / 2);
  if (low < 1) return {{}, at_last ? AttentionSharding::ring : AttentionSharding::ulysses};
  while (high - low > 1) {
    const std::int64_t middle = (low + high) / 2;
    (ring_is_faster(middle) == at_last ? high : low) = middle;
  }
  return {high * 2 * cp, at_last ? AttentionSharding::ring : AttentionSharding::ulysses};
}

}  // namespace ergon
