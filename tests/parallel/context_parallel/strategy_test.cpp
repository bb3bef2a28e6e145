// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/strategy.hpp"

#include <mutex>

#include "configs/error.hpp"
#include "parallel/communicator_local.hpp"
#include "tests/parallel/context_parallel/sharded_attention.hpp"
#include "trainer/attention/delta.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::string name_of(const ContextSharding& sharding) {
  std::string name;
  std::mutex mutex;
  run_local_ranks(sharding.cp, [&](std::unique_ptr<Communicator> world) {
    Communicators groups(Mesh({.dp = 1, .pp = 1, .cp = sharding.cp, .tp = 1}), std::move(world), 1, {}, sharding.exchanging());
    const auto kernel = plain_kernel()();
    const auto strategy =
        make_attention_strategy(sharding, 1, {*kernel, attention_delta}, {*groups.cp, *groups.cp_ring, *groups.cp_exchange});
    const std::lock_guard lock(mutex);
    name = strategy->name();
  });
  return name;
}

}  // namespace

TEST_CASE("strategy: what a run asks for; one rank needs none, a hybrid of one group or of groups of one is the other half alone") {
  using enum AttentionSharding;
  const SequenceLayout layout = SequenceLayout::zigzag;
  for (const AttentionSharding any : {ring, ulysses, gather_kv, hybrid}) CHECK(name_of({any, layout, 1, 1}) == "dense");
  CHECK(name_of({ring, layout, 2, 1}) == "ring");
  CHECK(name_of({ulysses, layout, 2, 1}) == "ulysses");
  CHECK(name_of({gather_kv, layout, 2, 1}) == "gather_kv");
  CHECK(name_of({hybrid, layout, 2, 1}) == "ring");
  CHECK(name_of({hybrid, layout, 2, 2}) == "ulysses");
  CHECK(name_of({hybrid, layout, 4, 2}) == "ulysses");  // around rings
}

TEST_CASE("strategy: ranks call the same collectives in the same order, whatever they have to compute") {
  // Causal and contiguous: rank 0 computes one block, the last rank all.
  const AttentionCase c = whole_case("causal", 8, 2, {});
  for (const AttentionSharding sharding :
       {AttentionSharding::ring, AttentionSharding::ulysses, AttentionSharding::gather_kv, AttentionSharding::hybrid}) {
    const Cut cut{{sharding, SequenceLayout::contiguous, 4, 2}};
    const CutAnswer got = run_cut(cut, c, attention_data(c));
    for (const auto& order : got.sent.forward_order) CHECK((order == got.sent.forward_order.front()));
    CHECK_FALSE(got.sent.forward_order.front().empty());
  }
}

TEST_CASE("strategy: groups that are not those of the sharding are a bug") {
  auto group = make_local_group(2);
  const auto kernel = plain_kernel()();
  CHECK_THROWS_AS(make_attention_strategy({.cp = 3}, 1, {*kernel, attention_delta}, {*group[0], *group[0], *group[0]}), Bug);
}

TEST_CASE("strategy: rules that take turns keep their own plans") {
  // Documents change from call to call in a packed batch; more of them than are kept.
  const KnownCase known(whole_case("causal", 4, 2, {}));
  for (const AttentionSharding sharding : {AttentionSharding::ring, AttentionSharding::ulysses, AttentionSharding::gather_kv}) {
    std::vector<double> errors(2, 0.0);
    std::mutex mutex;
    run_local_ranks(2, [&](std::unique_ptr<Communicator> world) {
      const Cut cut{{sharding, SequenceLayout::zigzag, 2, 1}};
      Communicators groups(Mesh({.dp = 1, .pp = 1, .cp = 2, .tp = 1}), std::move(world), 1, {}, cut.sharding.exchanging());
      const auto kernel = tiled_kernel()();
      for (int turn = 0; turn < 40; ++turn) {
        const AttentionRule rule{.document_starts = {0, 1 + turn % 20}};
        const AttentionCase c = whole_case("turn", 2, 1, rule, 1.0, 0.0, 24);
        const AttentionData data = attention_data(c);
        CutAnswer mine = empty_answer(data, 2);
        run_rank(cut, c, data, at::kDouble, *kernel, groups, mine);
        const AttentionAnswer expected = oracle(c, data);
        // Only this rank's rows are there: every other is zero.
        const at::Tensor here = mine.answer.out.abs().sum({0, 2, 3}) > 0;
        const at::Tensor difference = (mine.answer.out - expected.out) * here.view({1, -1, 1, 1});
        const std::lock_guard lock(mutex);
        errors[static_cast<std::size_t>(groups.cp->rank())] =
            std::max(errors[static_cast<std::size_t>(groups.cp->rank())], difference.abs().max().item<double>());
      }
    });
    CHECK(errors[0] <= 1e-12);
    CHECK(errors[1] <= 1e-12);
  }
}
