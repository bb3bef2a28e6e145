// SPDX-License-Identifier: Apache-2.0
// The same strategies on groups of a device: NCCL over the mock, whose streams are threads. A missing wait reads too early there, and ranks
// that launch in different orders stand still.
#include "tests/parallel/context_parallel/sharded_attention.hpp"
#include "tests/parallel/nccl_mock.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

// The kernel, saying when it computes a block.
class NotedAttention final : public LocalAttention {
 public:
  const char* name() const override { return inner_->name(); }
  AttentionTiles tiles() const override { return inner_->tiles(); }
  AttentionWork forward(const AttentionBlock& block, AttentionOutput& result) const override {
    NcclMock::note("block");
    return inner_->forward(block, result);
  }
  AttentionWork backward(const AttentionBlock& block, const AttentionUpstream& upstream, AttentionGradients& result) const override {
    NcclMock::note("backward block");
    return inner_->backward(block, upstream, result);
  }

 private:
  std::unique_ptr<LocalAttention> inner_ = tiled_kernel()();
};

using Lines = std::vector<std::string>;

// One forward and one backward on four context ranks, B 2, T 8 of 32, Q 5, full attention; what rank 0 launches and computes, messages
// without their sizes and peers. Waits, and in how many calls a block is computed, are a matter of time: memory of the mock is the host's,
// where hops are polled. All ranks launch in the same order.
Lines trace_of(const Cut& cut, std::int64_t heads, std::int64_t kv_heads) {
  const AttentionCase c = whole_case("full", heads, kv_heads, {.causal = false}, 1.0, 0.0, 32);
  const AttentionData data = attention_data(c);
  const int ranks = cut.sharding.cp;
  NcclMock mock(ranks);
  CutAnswer answer = empty_answer(data, ranks);
  CHECK(on_mock(mock, ranks, [&](auto context, auto host, Failures&) {
          Communicators groups(Mesh({.dp = 1, .pp = 1, .cp = ranks, .tp = 1}), host->split(0, host->rank(), "world"), 1, context->groups(),
                               cut.sharding.exchanging());
          run_rank(cut, c, data, at::kDouble, NotedAttention(), groups, answer);
        }) == "");
  const auto of_rank = [&](int rank) {
    Lines lines;
    for (std::string line : mock.trace(rank)) {
      line = line.substr(0, line.find(" {"));
      const bool same_block = line.ends_with("block") && !lines.empty() && lines.back() == line;
      if (!line.starts_with("wait ") && !same_block) lines.push_back(line);
    }
    lines.resize(lines.size() / 2);  // run_rank calls twice
    return lines;
  };
  for (int rank = 1; rank < ranks; ++rank) CHECK(of_rank(rank) == of_rank(0));
  return of_rank(0);
}

}  // namespace

TEST_CASE("over NCCL a ring sends keys and values on before the block that they hide behind, and gradients follow one block later") {
  const Lines expected = {"cp",    "block",          "cp", "block", "cp",
                          "block",                          // the last block hides nothing
                          "cp",    "backward block", "cp",  // its gradients leave after it
                          "cp",    "backward block", "cp", "cp",    "backward block",
                          "cp",    "backward block"};
  for (const SequenceLayout layout : {SequenceLayout::zigzag, SequenceLayout::striped, SequenceLayout::contiguous})
    CHECK(trace_of({{AttentionSharding::ring, layout, 4, 1}}, 4, 2) == expected);
}

TEST_CASE("over NCCL gathered keys come one stride ahead, and sums of gradients leave beside the next stride") {
  const std::string gather = "cp all_gather 320", scatter = "cp reduce_scatter 320";
  CHECK(trace_of({{AttentionSharding::gather_kv, SequenceLayout::zigzag, 4, 1}, 2}, 4, 4) ==
        Lines{gather, gather, "block", gather, gather, "backward block", scatter, "backward block", scatter});
}

TEST_CASE("over NCCL an exchange of heads is one group each way, and a hybrid rings between the two") {
  CHECK(trace_of({{AttentionSharding::ulysses, SequenceLayout::zigzag, 4, 1}}, 4, 2) ==
        Lines{"cp", "block", "cp", "cp", "backward block", "cp", "cp"});
  CHECK(trace_of({{AttentionSharding::hybrid, SequenceLayout::zigzag, 4, 2}}, 4, 2) ==
        Lines{"cp-exchange", "cp-ring", "block", "cp-exchange", "cp-exchange", "cp-ring", "backward block", "cp-ring", "backward block",
              "cp-exchange", "cp-exchange"});
}

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
