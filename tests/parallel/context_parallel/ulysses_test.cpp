// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/ulysses.hpp"

#include <set>

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"
#include "parallel/context_parallel/dense.hpp"
#include "tests/parallel/context_parallel/sharded_attention.hpp"
#include "trainer/attention/delta.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

Cut ulysses(int ranks, SequenceLayout layout = SequenceLayout::contiguous) { return {{AttentionSharding::ulysses, layout, ranks, 1}}; }

// The independent table: query heads [floor(jH/P), floor((j+1)H/P)) of rank j, and the key heads that these use.
struct Owned {
  std::int64_t query, key;
};
Owned owned(std::int64_t heads, std::int64_t kv_heads, int ranks, int rank) {
  std::set<std::int64_t> keys;
  std::int64_t query = 0;
  for (std::int64_t h = rank * heads / ranks; h < (rank + 1) * heads / ranks; ++h, ++query) keys.insert(h / (heads / kv_heads));
  return {query, static_cast<std::int64_t>(keys.size())};
}

}  // namespace

TEST_CASE(
    "ulysses: every layout, mask, grouping of heads and dropout equals dense attention; heads that do not divide, key heads repeated") {
  for (const int ranks : {2, 3, 4, 8})
    for (const SequenceLayout layout : layouts)
      for (const KnownCase& known : known_cases()) CHECK(check_exact(ulysses(ranks, layout), known) == "");
}

TEST_CASE("ulysses: seven heads on four ranks, and six on three key heads") {
  for (const auto& [heads, kv_heads] : {std::pair(7, 7), std::pair(7, 1), std::pair(6, 3), std::pair(9, 3)})
    CHECK(check_exact(ulysses(4), KnownCase(whole_case("uneven", heads, kv_heads, {}, 1.0, 0.2))) == "");
}

TEST_CASE("ulysses: the error does not grow with the ranks, in float32 and bfloat16") {
  for (const int ranks : {2, 3, 8})
    for (const std::int64_t kv_heads : {8, 1})
      for (const double logits : {1.0, 8.0}) CHECK(check_rounded(ulysses(ranks), whole_case("causal", 8, kv_heads, {}, logits, 0.2)) == "");
  for (const int ranks : {2, 8}) CHECK(check_rounded_masks(ulysses(ranks)) == "");
}

TEST_CASE("ulysses: messages are those of the formula") {
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat, at::kBFloat16})
    for (const int ranks : {2, 3, 4, 8})
      for (const std::int64_t kv_heads : {8, 2, 1}) {
        const AttentionCase c = whole_case("formula", 8, kv_heads, {});
        const CutAnswer got = run_cut(ulysses(ranks), c, attention_data(c), dtype);
        const at::ScalarType exact = dtype == at::kDouble ? at::kDouble : at::kFloat;
        const std::int64_t e = dtype == at::kDouble ? 8 : dtype == at::kFloat ? 4 : 2, a = dtype == at::kDouble ? 8 : 4;
        const std::int64_t head = 2 * cut_sequence / ranks * 5;  // elements of a head in one message
        for (int rank = 0; rank < ranks; ++rank) {
          const Owned mine = owned(8, kv_heads, ranks, rank);
          std::int64_t all = 0, queries = 0;  // heads that this rank sends, in qkv and in dout
          for (int other = 0; other < ranks; ++other) {
            const Owned of = owned(8, kv_heads, ranks, other);
            all += of.query + 2 * of.key;
            queries += of.query;
          }
          const auto message = [&](at::ScalarType type, std::int64_t heads, std::int64_t kept, std::int64_t width) {
            return std::tuple(std::string("cp"), Collective::all_to_all, type, heads * head, (heads - kept) * head * width);
          };
          Messages forward, backward;
          ++forward[message(dtype, all, mine.query + 2 * mine.key, e)];
          ++forward[message(dtype, ranks * mine.query, mine.query, e)];
          ++backward[message(dtype, queries, mine.query, e)];
          ++backward[message(dtype, ranks * mine.query, mine.query, e)];
          ++backward[message(exact, ranks * 2 * mine.key, 2 * mine.key, a)];
          INFO("rank " << rank << " of " << ranks << " dtype " << c10::toString(dtype) << " key heads " << kv_heads);
          CHECK(listed(got.sent.forward[static_cast<std::size_t>(rank)]) == listed(forward));
          CHECK(listed(got.sent.backward[static_cast<std::size_t>(rank)]) == listed(backward));
        }
      }
}

TEST_CASE("ulysses: where all divides, a rank sends (P-1)/P^2 (2X + 2K') forward") {
  const AttentionCase c = whole_case("formula", 8, 8, {});
  const CutAnswer got = run_cut(ulysses(4), c, attention_data(c));
  const std::int64_t x = 2 * cut_sequence * 8 * 5 * 8;
  std::int64_t bytes = 0;
  for (const auto& [message, count] : got.sent.forward[1]) bytes += count * std::get<4>(message);
  CHECK(bytes == 3 * 4 * x / 16);
}

TEST_CASE("ulysses: gradients of a key head that several ranks used are summed, and ranks are those of the group") {
  const KnownCase known(whole_case("causal", 8, 1, {}));
  CHECK(worst_of_cut(run_cut(ulysses(8), known.c, known.data).answer, known.expected) <= 1e-12);
  CHECK(worst_of_cut(run_cut(ulysses(2), known.c, known.data, at::kDouble, tiled_kernel(), 2).answer, known.expected) <= 1e-12);
}

TEST_CASE("ulysses: a group that is not the one of the rank is a bug") {
  auto group = make_local_group(2);
  const auto kernel = plain_kernel()();
  CHECK_THROWS_AS(UlyssesAttention({.attention = AttentionSharding::ulysses, .cp = 4}, 0, *group[0],
                                   std::make_unique<DenseAttention>(AttentionKernel{*kernel, attention_delta})),
                  Bug);
}
