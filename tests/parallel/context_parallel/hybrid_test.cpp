// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/hybrid.hpp"

#include <set>

#include "tests/parallel/context_parallel/sharded_attention.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

Cut hybrid(int exchange, int ring, SequenceLayout layout = SequenceLayout::zigzag) {
  return {{AttentionSharding::hybrid, layout, exchange * ring, exchange}};
}

}  // namespace

TEST_CASE("hybrid: every layout, mask, grouping of heads and dropout equals dense attention") {
  for (const SequenceLayout layout : layouts)
    for (const KnownCase& known : known_cases()) CHECK(check_exact(hybrid(2, 2, layout), known) == "");
  for (const auto& [exchange, ring] : {std::pair(2, 4), std::pair(4, 2), std::pair(3, 2)})
    for (std::size_t i = 0; i < known_cases().size(); i += 5) CHECK(check_exact(hybrid(exchange, ring), known_cases()[i]) == "");
}

TEST_CASE("hybrid: one group, and groups of one rank") {
  for (const auto& [exchange, ring] : {std::pair(1, 3), std::pair(4, 1)})
    for (const SequenceLayout layout : layouts) CHECK(check_exact(hybrid(exchange, ring, layout), known_cases()[3]) == "");
}

TEST_CASE("hybrid: the error does not grow with the ranks, in float32 and bfloat16") {
  for (const auto& [exchange, ring] : {std::pair(2, 2), std::pair(2, 4)})
    CHECK(check_rounded(hybrid(exchange, ring), whole_case("causal", 8, 2, {}, 8.0, 0.2)) == "");
  for (const auto& [exchange, ring] : {std::pair(2, 2), std::pair(2, 4)}) CHECK(check_rounded_masks(hybrid(exchange, ring)) == "");
}

TEST_CASE("hybrid: the exchange within its groups, the ring within its own, and no other message") {
  const int u = 2, r = 4, ranks = u * r;
  for (const std::int64_t kv_heads : {8, 1}) {
    const AttentionCase c = whole_case("formula", 8, kv_heads, {});
    const CutAnswer got = run_cut(hybrid(u, r), c, attention_data(c), at::kBFloat16);
    const std::int64_t head = 2 * cut_sequence / ranks * 5, queries = 8 / u, keys = std::max<std::int64_t>(1, kv_heads / u);
    const auto exchanged = [&](at::ScalarType type, std::int64_t heads, std::int64_t width) {  // as many to each of the u ranks
      return std::tuple(std::string("cp-exchange"), Collective::all_to_all, type, u * heads * head, (u - 1) * heads * head * width);
    };
    const auto hop = [&](at::ScalarType type, std::int64_t width) {
      const std::int64_t elements = 2 * keys * u * head;
      return std::tuple(std::string("cp-ring"), Collective::ring_shift, type, elements, elements * width);
    };
    Messages forward, backward;
    ++forward[exchanged(at::kBFloat16, queries + 2 * keys, 2)];
    ++forward[exchanged(at::kBFloat16, queries, 2)];
    forward[hop(at::kBFloat16, 2)] = r - 1;
    backward[exchanged(at::kBFloat16, queries, 2)] = 2;
    ++backward[exchanged(at::kFloat, 2 * keys, 4)];
    backward[hop(at::kBFloat16, 2)] = r - 1;
    backward[hop(at::kFloat, 4)] = r - 1;
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      CHECK(listed(got.sent.forward[rank]) == listed(forward));
      CHECK(listed(got.sent.backward[rank]) == listed(backward));
    }
  }
}

TEST_CASE("hybrid: the groups lie anywhere in the world") {
  const KnownCase known(whole_case("causal", 8, 2, {}, 1.0, 0.2));
  CHECK(worst_of_cut(run_cut(hybrid(2, 2), known.c, known.data, at::kDouble, tiled_kernel(), 2).answer, known.expected) <= 1e-12);
}
