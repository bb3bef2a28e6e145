// SPDX-License-Identifier: Apache-2.0
// Against figures written out by hand; tests/parallel/context_parallel/attention_forecast_test.cpp compares with what ran.
#include "parallel/plan/attention_memory.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

constexpr AttentionExtent in_bfloat16{.batch = 1, .sequence = 64, .heads = 8, .kv_heads = 2, .head_width = 8, .wire = 2, .exact = 4};
constexpr std::int64_t x = 32 * 8 * 8, n = 32 * 2 * 8, l = 32 * 8;  // of one of two ranks

ContextSharding sharding(AttentionSharding attention, int cp, int ulysses = 1) { return {attention, SequenceLayout::zigzag, cp, ulysses}; }

struct Figures {
  std::int64_t kept, forward, backward;
  bool operator==(const Figures&) const = default;
};
Figures of(const ContextSharding& cut, std::int64_t gather_heads = 1, const AttentionExtent& extent = in_bfloat16, int rank = 0) {
  const AttentionMemory memory = attention_memory(cut, gather_heads, extent, rank);
  return {memory.kept.value, memory.forward.value, memory.backward.value};
}

}  // namespace

TEST_CASE("attention_memory: each strategy's tensors") {
  using enum AttentionSharding;
  CHECK(of(sharding(ring, 1)) == Figures{2 * l * 4, 0, 2 * l * 4});  // all rows on one rank
  CHECK(of(sharding(ring, 2)) ==
        Figures{2 * n * 2 + l * 4, 2 * n * 2 + x * 4 + 2 * l * 4 + 3 * l * 8, 2 * n * 2 + 6 * n * 4 + x * 4 + l * 4});
  CHECK(of(sharding(ulysses, 2)) == Figures{(x + 2 * n) * 2 + x * 4 + l * 4, (4 * x + 4 * n) * 2, 5 * x * 2 + (x + 6 * n) * 4 + l * 4});
  const std::int64_t m = n / 2;
  CHECK(of(sharding(gather_kv, 2), 1) == Figures{l * 4, (4 + 12) * m * 2, (4 + 12) * m * 2 + (8 + 2) * m * 4 + l * 4});
}

TEST_CASE("attention_memory: in float64 merges need no copies") {
  const AttentionExtent extent{.batch = 1, .sequence = 64, .heads = 2, .kv_heads = 2, .head_width = 8, .wire = 8, .exact = 8};
  CHECK(of(sharding(AttentionSharding::ring, 2), 1, extent) == Figures{8704, 2 * 512 * 8 + 512 * 8 + 2 * 64 * 8, 9 * 512 * 8 + 64 * 8});
}

TEST_CASE("attention_memory: every tensor is rounded up by itself, and ranks hold their own heads") {
  const AttentionExtent odd{.batch = 1, .sequence = 4, .heads = 3, .kv_heads = 1, .head_width = 5, .wire = 4, .exact = 4};
  const auto padded = [](std::int64_t elements) { return (elements * 4 + 63) / 64 * 64; };
  // Rank 0 of two computes one of three heads, rank 1 two; both use the one key head.
  for (const int rank : {0, 1}) {
    const std::int64_t heads = rank + 1;
    CHECK(of(sharding(AttentionSharding::ulysses, 2), 1, odd, rank).kept ==
          padded(4 * (heads + 2) * 5) + padded(4 * heads * 5) + padded(4 * heads));
  }
}

TEST_CASE("attention_memory: a hybrid holds what its exchange and its ring hold") {
  using enum AttentionSharding;
  const auto of_four = [](int ulysses) { return of(sharding(hybrid, 4, ulysses)); };
  CHECK(of_four(1) == of(sharding(ring, 4)));
  CHECK(of_four(4) == of(sharding(ulysses, 4)));
  const std::int64_t quarter_x = x / 2, quarter_n = n / 2, quarter_l = l / 2;
  CHECK(of_four(2).kept == (quarter_x + 2 * quarter_n) * 2 + quarter_x * 4 + 2 * quarter_n * 2 + quarter_l * 4);
  CHECK_THROWS_AS(attention_memory(sharding(ring, 4), 1, in_bfloat16, 4), Bug);
}
