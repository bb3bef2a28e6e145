// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/gather_kv.hpp"

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"
#include "tests/parallel/context_parallel/sharded_attention.hpp"
#include "trainer/attention/delta.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

Cut gather(int ranks, std::int64_t stride, SequenceLayout layout = SequenceLayout::zigzag) {
  return {{AttentionSharding::gather_kv, layout, ranks, 1}, stride};
}

}  // namespace

TEST_CASE("gather_kv: every layout, mask, grouping of heads and dropout equals dense attention") {
  for (const int ranks : {2, 3, 4, 8})
    for (const SequenceLayout layout : layouts)
      for (const KnownCase& known : known_cases()) CHECK(check_exact(gather(ranks, known.c.kv_heads == 1 ? 1 : 2, layout), known) == "");
}

TEST_CASE("gather_kv: heads gathered one at a time, in halves and all at once give the same") {
  const KnownCase known(whole_case("causal", 8, 8, {}, 8.0, 0.2));
  for (const std::int64_t stride : {1, 2, 4, 8}) CHECK(check_exact(gather(4, stride), known) == "");
}

TEST_CASE("gather_kv: the error does not grow with the ranks, in float32 and bfloat16") {
  for (const int ranks : {2, 8})
    for (const double logits : {1.0, 8.0}) CHECK(check_rounded(gather(ranks, 2), whole_case("causal", 8, 2, {}, logits, 0.2)) == "");
  for (const int ranks : {2, 8}) CHECK(check_rounded_masks(gather(ranks, 2)) == "");
}

TEST_CASE("gather_kv: messages are those of the formula") {
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat, at::kBFloat16})
    for (const int ranks : {2, 3, 8})
      for (const std::int64_t stride : {1, 2, 8}) {
        const AttentionCase c = whole_case("formula", 8, 8, {});
        const CutAnswer got = run_cut(gather(ranks, stride), c, attention_data(c), dtype);
        const at::ScalarType exact = dtype == at::kDouble ? at::kDouble : at::kFloat;
        const std::int64_t e = dtype == at::kDouble ? 8 : dtype == at::kFloat ? 4 : 2, a = dtype == at::kDouble ? 8 : 4;
        // (P-1)/P of 2K forward and again backward, and as much of dK and dV in the accumulator type: in 8 / stride messages each.
        const std::int64_t part = 2 * 2 * cut_sequence / ranks * stride * 5;
        const int count = static_cast<int>(8 / stride);
        Messages forward = {{{"cp", Collective::all_gather, dtype, part, (ranks - 1) * part * e}, count}}, backward = forward;
        backward[{"cp", Collective::reduce_scatter, exact, part, (ranks - 1) * part * a}] = count;
        INFO("ranks " << ranks << " stride " << stride << " dtype " << c10::toString(dtype));
        for (int rank = 0; rank < ranks; ++rank) {
          CHECK(listed(got.sent.forward[static_cast<std::size_t>(rank)]) == listed(forward));
          CHECK(listed(got.sent.backward[static_cast<std::size_t>(rank)]) == listed(backward));
        }
      }
}

TEST_CASE("gather_kv: a stride that does not divide the key heads is a bug") {
  const AttentionCase c = whole_case("causal", 8, 8, {});
  CHECK_THROWS_AS(run_cut(gather(2, 3), c, attention_data(c)), Bug);
  auto group = make_local_group(2);
  const auto kernel = plain_kernel()();
  CHECK_THROWS_AS(GatherKvAttention({.attention = AttentionSharding::gather_kv, .cp = 3}, 1, {*kernel, attention_delta}, *group[0]), Bug);
}
