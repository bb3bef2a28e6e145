// SPDX-License-Identifier: Apache-2.0
// The same strategies on groups of a device: NCCL over the mock, whose streams are threads. A missing wait reads too early there, and ranks
// that launch in different orders stand still.
#include "tests/parallel/context_parallel/sharded_attention.hpp"
#include "tests/parallel/nccl_mock.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("strategies over NCCL equal dense attention, and launch in one order on every rank") {
  constexpr int ranks = 4;
  using enum AttentionSharding;
  for (const AttentionSharding sharding : {ring, ulysses, gather_kv, hybrid})
    for (const SequenceLayout layout : {SequenceLayout::zigzag, SequenceLayout::contiguous}) {
      const Cut cut{{sharding, layout, ranks, 2}};
      const KnownCase known(whole_case("causal", 8, 8, {}, 1.0, 0.2));
      NcclMock mock(ranks);
      for (int rank = 0; rank < ranks; ++rank) mock.script(rank).slow_seconds = 0.001 * rank;
      CutAnswer answer = empty_answer(known.data, ranks);
      CHECK(on_mock(mock, ranks, [&](auto context, auto host, Failures& failures) {
              Communicators groups(Mesh({.dp = 1, .pp = 1, .cp = ranks, .tp = 1}), host->split(0, host->rank(), "world"), 1,
                                   context->groups(), cut.sharding.exchanging());
              const auto kernel = tiled_kernel()();
              run_rank(cut, known.c, known.data, at::kDouble, *kernel, groups, answer);
              failures.expect(groups.cp->device() == at::kCPU, "device memory of the mock");
            }) == "");
      INFO(describe(cut, known.c));
      CHECK(worst_of_cut(answer.answer, known.expected) <= 1e-12);
      CHECK(mock.disagreements() == std::vector<std::string>{});
      const std::vector<MockLaunch> first = mock.launches(0);
      CHECK_FALSE(first.empty());
      for (int rank = 1; rank < ranks; ++rank) CHECK((mock.launches(rank) == first));
    }
}
