// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/attention_time.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

constexpr AttentionExtent extent{.batch = 1, .sequence = 4096, .heads = 8, .kv_heads = 8, .head_width = 64, .wire = 2, .exact = 4};

AttentionMachine machine(Seconds latency = {0}) {
  const LinkSpeed link{latency, {50e9}};
  return {{400e12}, {400e12}, link, link, link};
}

double seconds(AttentionSharding attention, int cp, const AttentionMachine& of, AttentionPass pass = AttentionPass::forward,
               int ulysses = 1) {
  return attention_seconds({attention, SequenceLayout::zigzag, cp, ulysses}, 1, extent, {}, pass, of).value;
}

}  // namespace

TEST_CASE("attention_time: a block, and what is waited for beside it") {
  using enum AttentionSharding;
  // Causal: S (S + 1) / 2 pairs a head, four FLOPs a pair and column, over two ranks at 400 TFLOP/s.
  const double block = 4.0 * 8 * 64 * 4096 * 4097 / 2 / 2 / 400e12;
  CHECK(seconds(ring, 1, machine()) == Approx(2 * block));
  // Exchanged: half of q, k, v and of the output of a rank, in 2 bytes, at 50 GB/s; in two calls.
  const double sent = 4.0 * 4096 / 2 * 8 * 64 / 2 * 2 / 50e9;
  CHECK(seconds(ulysses, 2, machine()) == Approx(block + sent));
  CHECK(seconds(ulysses, 2, machine({1e-3})) == Approx(block + sent + 2e-3));
  CHECK(seconds(gather_kv, 2, machine()) == Approx(block + 2.0 * 4096 / 2 * 8 * 64 * 2 / 50e9));
  CHECK(seconds(ring, 1, machine(), AttentionPass::backward) == Approx(2.5 * 2 * block));
}

TEST_CASE("attention_time: a hop hides behind its block, as far as that lasts, where something moves it") {
  using enum AttentionSharding;
  const double block = 4.0 * 8 * 64 * 4096 * 4097 / 2 / 2 / 400e12, hop = 2.0 * 4096 / 2 * 8 * 64 * 2 / 50e9;
  AttentionMachine slow = machine();
  CHECK(hop > block / 2);
  CHECK(seconds(ring, 2, slow) == Approx(block / 2 + hop));
  slow.progress = HopProgress::in_the_wait;
  CHECK(seconds(ring, 2, slow) == Approx(block + hop));
  AttentionMachine fast = machine();
  fast.hop.bandwidth = {500e12};
  CHECK(seconds(ring, 2, fast) == Approx(block));
}

TEST_CASE("attention_time: a ring overtakes the exchange where the two rules say, and never sends more up to 1 + G ranks") {
  // e F/(G W) (1 - (1 + G)/P) with G = 1, P = 8: 2 * 400e12 / 50e9 * 0.75 = 12000 positions a rank. The mask's diagonal moves it a little.
  const Crossover crossover = ring_over_ulysses(8, extent, {}, AttentionPass::forward, machine());
  REQUIRE(crossover.length);
  CHECK(static_cast<double>(*crossover.length) == Approx(8 * 12000).epsilon(1e-3));
  CHECK(crossover.faster == AttentionSharding::ring);
  CHECK(crossover.length.value() % 16 == 0);

  const Crossover two = ring_over_ulysses(2, extent, {}, AttentionPass::forward, machine());
  CHECK_FALSE(two.length);
  CHECK(two.faster == AttentionSharding::ring);

  AttentionMachine without_progress = machine();
  without_progress.progress = HopProgress::in_the_wait;
  const Crossover exposed = ring_over_ulysses(8, extent, {}, AttentionPass::forward, without_progress);
  CHECK_FALSE(exposed.length);
  CHECK(exposed.faster == AttentionSharding::ulysses);

  // Of two ranks as many bytes in one message as in two: a latency decides, however long the computing.
  without_progress.hop.latency = without_progress.exchange.latency = {1e-6};
  const Crossover latency = ring_over_ulysses(2, extent, {}, AttentionPass::forward, without_progress);
  CHECK_FALSE(latency.length);
  CHECK(latency.faster == AttentionSharding::ring);
}

TEST_CASE("attention_time: the winner may change twice, and the last change counts") {
  // Two ranks, float32, 20 GFLOP/s, 20 us, 1 GB/s, backward: a ring makes fewer calls and sends more, then hides what it sends.
  AttentionExtent floats = extent;
  floats.wire = floats.exact = 4;
  const LinkSpeed link{{20e-6}, {1e9}};
  const AttentionMachine slow{{20e9}, {20e9}, link, link, link};
  const Crossover crossover = ring_over_ulysses(2, floats, {}, AttentionPass::backward, slow);
  REQUIRE(crossover.length);
  CHECK(crossover.faster == AttentionSharding::ring);
  const auto at = [&](std::int64_t length, AttentionSharding attention) {
    floats.sequence = length;
    return attention_seconds({attention, SequenceLayout::zigzag, 2, 1}, 1, floats, {}, AttentionPass::backward, slow).value;
  };
  CHECK(at(8, AttentionSharding::ring) < at(8, AttentionSharding::ulysses));
  CHECK(at(*crossover.length - 4, AttentionSharding::ring) > at(*crossover.length - 4, AttentionSharding::ulysses));
  CHECK(at(*crossover.length, AttentionSharding::ring) < at(*crossover.length, AttentionSharding::ulysses));
}

TEST_CASE("attention_time: FLOPs of the longest sequences are more than 64 bits hold") {
  AttentionExtent large = extent;
  large.batch = large.heads = large.kv_heads = 64;
  large.sequence = std::int64_t{1} << 26;
  const double block = 4.0 * 64 * 64 * 64 * 0x1p51 / 400e12;
  CHECK(attention_seconds({AttentionSharding::ring, SequenceLayout::zigzag, 1, 1}, 1, large, {}, AttentionPass::forward, machine()).value ==
        Approx(block).epsilon(1e-6));
}
