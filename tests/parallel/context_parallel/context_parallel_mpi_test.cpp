// SPDX-License-Identifier: Apache-2.0
// Context ranks as MPI processes: each compares its rows with autograd over the dense sequence.
#include "parallel/communicator_mpi.hpp"
#include "tests/parallel/context_parallel/sharded_attention.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

// The largest error in the rows that this rank wrote; the others are zero.
double error_of_rank(const CutAnswer& mine, const AttentionAnswer& expected) {
  const at::Tensor here = mine.answer.dq.abs().sum({0, 2, 3}) > 0;
  const auto own = [&](const at::Tensor& x) { return x * here.view({1, -1, 1, 1}); };
  CHECK(here.sum().item<std::int64_t>() > 0);
  AttentionAnswer rows = expected;
  rows.out = own(expected.out);
  rows.dq = own(expected.dq);
  rows.dk = own(expected.dk);
  rows.dv = own(expected.dv);
  return worst_of_cut(mine.answer, rows);
}

}  // namespace

TEST_CASE("every strategy over MPI equals dense attention, in two layouts, with grouped heads, a window and dropout") {
  const int ranks = make_mpi_world()->size();
  using enum AttentionSharding;
  for (const AttentionSharding sharding : {ring, ulysses, gather_kv, hybrid})
    for (const SequenceLayout layout : {SequenceLayout::zigzag, SequenceLayout::striped})
      for (const AttentionRule& rule : {AttentionRule{}, AttentionRule{.window = 7, .document_starts = {0, 11}}}) {
        const Cut cut{{sharding, layout, ranks, 2}};
        const KnownCase known(whole_case("causal", 8, 2, rule, 8.0, 0.2));
        Communicators groups(Mesh({.dp = 1, .pp = 1, .cp = ranks, .tp = 1}), make_mpi_world(), 1, {}, cut.sharding.exchanging());
        const auto kernel = tiled_kernel()();
        CutAnswer mine = empty_answer(known.data, ranks);
        run_rank(cut, known.c, known.data, at::kDouble, *kernel, groups, mine);
        INFO(describe(cut, known.c));
        CHECK(error_of_rank(mine, known.expected) <= 1e-12);
      }
}
