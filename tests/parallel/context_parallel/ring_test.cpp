// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/ring.hpp"

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"
#include "tests/parallel/context_parallel/sharded_attention.hpp"
#include "trainer/attention/delta.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

Cut ring(int ranks, SequenceLayout layout = SequenceLayout::zigzag) { return {{AttentionSharding::ring, layout, ranks, 1}}; }

}  // namespace

TEST_CASE("ring: every layout, mask, grouping of heads and dropout equals dense attention") {
  for (const int ranks : {2, 3, 4, 8})
    for (const SequenceLayout layout : layouts)
      for (const KnownCase& known : known_cases()) CHECK(check_exact(ring(ranks, layout), known) == "");
}

TEST_CASE("ring: a kernel that skips nothing computes the half blocks of zigzag and no more") {
  for (const int ranks : {2, 4}) {
    const KnownCase known(whole_case("causal", 4, 2, {}));
    CHECK(check_exact(ring(ranks), known, plain_kernel()) == "");
    const CutAnswer got = run_cut(ring(ranks), known.c, known.data, at::kDouble, plain_kernel());
    // Per rank one square of T / P rows, and P - 1 halves of one.
    const std::int64_t rows = cut_sequence / ranks;
    CHECK(got.forward.pairs_computed == 2 * 4 * ranks * (rows * rows + (ranks - 1) * rows * rows / 2));
  }
}

TEST_CASE("ring: the error does not grow with the ranks, in float32 and bfloat16") {
  for (const int ranks : {2, 4, 8})
    for (const SequenceLayout layout : layouts)
      for (const double logits : {1.0, 8.0})
        for (const double dropout : {0.0, 0.2})
          CHECK(check_rounded(ring(ranks, layout), whole_case("causal", 8, 2, {}, logits, dropout)) == "");
  for (const int ranks : {2, 8})
    for (const SequenceLayout layout : layouts) CHECK(check_rounded_masks(ring(ranks, layout)) == "");
}

TEST_CASE("ring: messages are those of the formula, forward and backward, empty hops too") {
  const std::int64_t size = 2 * 2 * 5;  // k and v, two samples, head width 5
  for (const AttentionRule& rule : {AttentionRule{}, AttentionRule{.window = 3}})
    for (const at::ScalarType dtype : {at::kDouble, at::kFloat, at::kBFloat16})
      for (const SequenceLayout layout : {SequenceLayout::zigzag, SequenceLayout::contiguous})
        for (const int ranks : {2, 3, 8})
          for (const std::int64_t kv_heads : {8, 2, 1}) {
            const AttentionCase c = whole_case("formula", 8, kv_heads, rule);
            const CutAnswer got = run_cut(ring(ranks, layout), c, attention_data(c), dtype);
            const at::ScalarType exact = dtype == at::kDouble ? at::kDouble : at::kFloat;
            const std::int64_t e = dtype == at::kDouble ? 8 : dtype == at::kFloat ? 4 : 2, a = dtype == at::kDouble ? 8 : 4;
            const std::int64_t elements = size * cut_sequence / ranks * kv_heads;
            // SPEC: forward (P-1)/P 2N e in P-1 messages; backward (P-1)/P 2N (e+a) in 2(P-1).
            Messages forward = {{{"cp", Collective::ring_shift, dtype, elements, elements * e}, ranks - 1}}, backward = forward;
            backward[{"cp", Collective::ring_shift, exact, elements, elements * a}] += ranks - 1;
            INFO("ranks " << ranks << " dtype " << c10::toString(dtype));
            for (int rank = 0; rank < ranks; ++rank) {
              CHECK(listed(got.sent.forward[static_cast<std::size_t>(rank)]) == listed(forward));
              CHECK(listed(got.sent.backward[static_cast<std::size_t>(rank)]) == listed(backward));
            }
          }
}

// The bug catalogue of other systems: what went wrong there, and would here.
TEST_CASE("ring: backward meets the keys that travelled, not its own, and gradients come home to their owner") {
  // Every rank's keys differ by orders of magnitude: a stale block would be far off.
  const AttentionCase c = whole_case("causal", 4, 2, {});
  AttentionData data = attention_data(c);
  for (int part = 0; part < 4; ++part) {
    data.k.narrow(1, part * 12, 12).mul_(1 + part);
    data.v.narrow(1, part * 12, 12).mul_(1 + 10 * part);
  }
  const AttentionAnswer expected = oracle(c, data);
  for (const SequenceLayout layout : layouts) {
    const CutAnswer got = run_cut(ring(4, layout), c, data);
    CHECK(max_abs(got.answer.dk, expected.dk) <= 1e-11);
    CHECK(max_abs(got.answer.dv, expected.dv) <= 1e-11);
    CHECK(max_abs(got.answer.dq, expected.dq) <= 1e-11);
  }
}

TEST_CASE("ring: masks that differ from block to block, and documents of odd lengths") {
  const AttentionRule odd{.document_starts = {0, 1, 8, 15, 16, 33, 47}}, odd_window{.window = 2, .document_starts = {0, 7, 30}};
  for (const SequenceLayout layout : layouts)
    for (const AttentionRule& rule : {odd, odd_window}) CHECK(check_exact(ring(4, layout), KnownCase(whole_case("odd", 8, 2, rule))) == "");
}

TEST_CASE("ring: not causal in the layouts that balance causal work") {
  for (const SequenceLayout layout : layouts)
    CHECK(check_exact(ring(3, layout), KnownCase(whole_case("not causal", 8, 2, {.causal = false}, 8.0))) == "");
}

TEST_CASE("ring: head widths of one and odd ones") {
  for (const std::int64_t width : {1, 3, 17}) {
    AttentionCase c = whole_case("width", 4, 2, {});
    c.width = width;
    CHECK(check_exact(ring(4), KnownCase(c)) == "");
  }
}

TEST_CASE("ring: log-sum-exps stay in the accumulator type") {
  const AttentionCase c = whole_case("causal", 4, 2, {});
  const AttentionData data = attention_data(c);
  for (const auto& [dtype, exact] :
       {std::pair(at::kBFloat16, at::kFloat), std::pair(at::kFloat, at::kFloat), std::pair(at::kDouble, at::kDouble)})
    for (const at::ScalarType kept : run_cut(ring(2), c, data, dtype).states) CHECK(kept == exact);
}

TEST_CASE("ring: ranks are those of the group, not of the world") {
  const KnownCase known(whole_case("causal", 4, 2, {}, 1.0, 0.2));
  // Of two data ranks the second: its context ranks are 2 and 3 of the world.
  CHECK(worst_of_cut(run_cut(ring(2), known.c, known.data, at::kDouble, tiled_kernel(), 2).answer, known.expected) <= 1e-12);
}

TEST_CASE("ring: a group of another size is a bug") {
  auto group = make_local_group(2);
  const auto kernel = plain_kernel()();
  CHECK_THROWS_AS(RingAttention({.cp = 3}, {*kernel, attention_delta}, *group[0]), Bug);
}
