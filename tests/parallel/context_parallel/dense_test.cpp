// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/dense.hpp"

#include "tests/parallel/context_parallel/sharded_attention.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("dense: one context rank is the kernel on the whole sequence, and sends nothing, whatever the sharding is called") {
  for (const AttentionSharding sharding :
       {AttentionSharding::ring, AttentionSharding::ulysses, AttentionSharding::gather_kv, AttentionSharding::hybrid}) {
    const Cut cut{{sharding, SequenceLayout::zigzag, 1, 1}};
    for (const KnownCase& known : known_cases()) CHECK(check_exact(cut, known) == "");
    const KnownCase& first = known_cases().front();
    const CutAnswer got = run_cut(cut, first.c, first.data);
    CHECK(got.sent.forward[0].empty());
    CHECK(got.sent.backward[0].empty());
  }
}

TEST_CASE("dense: within the rounding of the kernel") {
  const Cut cut{{AttentionSharding::ring, SequenceLayout::zigzag, 1, 1}};
  CHECK(check_rounded(cut, whole_case("causal", 8, 2, {}, 8.0, 0.2)) == "");
}
