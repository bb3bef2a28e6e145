// SPDX-License-Identifier: Apache-2.0
// How long the attention of one layer takes under a strategy, by a model of few constants, and from which length on a ring is faster than a
// head exchange. Planners compare strategies with it; `ergon bench attention-sharding` compares it with clocks.
//
//   block   c = FLOPs of the pass / (P F)          the kernel's share of a rank, F its FLOP/s
//   hop     h = calls * latency + bytes / W        of one step of a ring; W bytes/s that a rank sends
//   ring    c/r + (r - 1) max(c/r, h) where a hop hides behind its block, c + (r - 1) h where nothing moves it meanwhile
//   others  c + calls * latency + bytes / W        exchanges and gathers are waited for
//
// Without latency and with hidden hops a ring overtakes the exchange in forward at S/P = e F/(G W) (1 - (1 + G)/P): the rule by which a hop
// hides, e F/(G W), less what the exchange sends. For P <= 1 + G a ring never sends more.
#pragma once

#include <optional>

#include "parallel/plan/attention_traffic.hpp"

namespace ergon {

using BytesPerSecond = Quantity<struct BytesPerSecondTag, double>;

struct LinkSpeed {
  Seconds latency;
  BytesPerSecond bandwidth;  // what one rank sends, all ranks sending
};

enum class AttentionPass { forward, backward };
enum class HopProgress { behind_the_block, in_the_wait };

struct AttentionMachine {
  FlopsPerSecond forward, backward;  // of one rank's kernel, all ranks computing; backward counts 2.5 times forward's FLOPs
  LinkSpeed hop, exchange, gather;
  HopProgress progress = HopProgress::behind_the_block;
};

// Layouts that share the pairs equally: causal masks want zigzag or striped.
Seconds attention_seconds(const ContextSharding& sharding, std::int64_t gather_heads, const AttentionExtent& extent,
                          const AttentionRule& rule, AttentionPass pass, const AttentionMachine& machine);

// The length (of extent, whose own is not read) from which on one of a ring of cp ranks and their head exchange stays faster, within 2^26;
// empty where it is at every length (as far as powers of two times the shortest tell). cp is at most extent.heads.
struct Crossover {
  std::optional<std::int64_t> length;
  AttentionSharding faster = AttentionSharding::ring;  // from `length` on, or everywhere
};
Crossover ring_over_ulysses(int cp, const AttentionExtent& extent, const AttentionRule& rule, AttentionPass pass,
                            const AttentionMachine& machine);

}  // namespace ergon
