// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/block.hpp"

#include <ATen/ops/empty.h>

#include <cmath>
#include <limits>

#include "tests/parallel/context_parallel/sharded_attention.hpp"
#include "trainer/arena.hpp"
#include "trainer/attention/delta.hpp"
#include "trainer/attention/plain.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

struct OneCall {
  explicit OneCall(const AttentionCase& c)
      : data(attention_data(c)), call{data.q, data.k, data.v, rule, c.dropout, data.scale, keep, scratch} {}
  AttentionData data;
  AttentionRule rule;
  Arena keep, scratch;
  AttentionCall call;
  PlainAttention kernel;
};

}  // namespace

TEST_CASE("block: keys in parts, in any order, with parts that nobody sees, give the output over all of them") {
  const AttentionCase c = whole_case("causal", 4, 2, {});
  const AttentionAnswer expected = oracle(c, attention_data(c));
  for (const bool backwards : {false, true}) {
    OneCall one(c);
    const at::Tensor out = garbage(one.data.q.sizes()), lse = garbage(expected.lse.sizes());
    RunningOutput running({one.kernel, attention_delta}, one.call, out, lse);
    AttentionWork work;
    for (int i = 0; i < 4; ++i) {
      const std::int64_t first = 12 * (backwards ? 3 - i : i);
      const BlockPart part = visible_part(one.rule, {{0, cut_sequence, 1}}, {{first, 12, 1}});
      add_work(work, running.add(part, one.data.k.narrow(1, first, 12), one.data.v.narrow(1, first, 12)));
      add_work(work, running.add(BlockPart{}, one.data.k, one.data.v));
    }
    CHECK(max_abs(out, expected.out) <= 1e-13);
    CHECK(max_abs(lse, expected.lse) <= 1e-13);
    CHECK(work.pairs_visible == c.mask.visible_pairs() * 2 * 4);
    CHECK(work.matmuls == 2);
    CHECK_FALSE(work.declared);
  }
}

TEST_CASE("block: queries that no part names have seen nothing") {
  OneCall one(whole_case("causal", 4, 2, {}));
  const at::Tensor out = garbage(one.data.q.sizes()), lse = garbage({2, 4, cut_sequence});
  RunningOutput running({one.kernel, attention_delta}, one.call, out, lse);
  running.add(BlockPart{}, one.data.k, one.data.v);
  CHECK(out.abs().max().item<double>() == 0);
  CHECK(lse.max().item<double>() == -std::numeric_limits<double>::infinity());
}

TEST_CASE("block: gradients of queries are summed over parts of the keys, those of keys are each part's own") {
  const AttentionCase c = whole_case("causal", 4, 2, {}, 1.0, 0.2);
  OneCall one(c);
  const AttentionAnswer expected = oracle(c, one.data);
  const at::Tensor dq = garbage(one.data.q.sizes()), dk = garbage(one.data.k.sizes()), dv = garbage(one.data.k.sizes());
  RunningGradients running({one.kernel, attention_delta}, one.call, one.data.dout, expected.out.contiguous(), expected.lse, dq);
  for (const std::int64_t first : {24, 0, 36, 12}) {
    const BlockPart part = visible_part(one.rule, {{0, cut_sequence, 1}}, {{first, 12, 1}});
    const auto keys = [&](const at::Tensor& x) { return x.narrow(1, first, 12); };
    running.add(part, keys(one.data.k), keys(one.data.v), keys(dk), keys(dv));
  }
  CHECK(running.add(BlockPart{}, one.data.k, one.data.v, dk, dv).pairs_computed == 0);
  CHECK(max_abs(dq, expected.dq) <= 1e-13);
  CHECK(max_abs(dk, expected.dk) <= 1e-13);
  CHECK(max_abs(dv, expected.dv) <= 1e-13);
}

TEST_CASE("block: heads in irregular groups are as many calls, with the dropout of the model's heads") {
  const AttentionCase c = whole_case("causal", 8, 2, {}, 1.0, 0.3);
  OneCall one(c);
  const AttentionAnswer expected = oracle(c, one.data);
  const std::vector<HeadRange> heads = {{0, 4, 0, 1}, {4, 4, 1, 1}};
  const at::Tensor out = garbage(one.data.q.sizes()), lse = garbage(expected.lse.sizes());
  AttentionOutput result{out, lse};
  const AttentionBlock block{one.data.q, one.data.k, one.data.v, c.mask, c.dropout, one.data.scale};
  CHECK(forward_block(one.kernel, Views(one.call.scratch), block, heads, result).pairs_visible == c.mask.visible_pairs() * 2 * 8);
  CHECK(max_abs(out, expected.out) <= 1e-13);
  AttentionGradients gradients{garbage(one.data.q.sizes()), garbage(one.data.k.sizes()), garbage(one.data.k.sizes())};
  backward_block(one.kernel, Views(one.call.scratch), block, heads, {one.data.dout, expected.out, expected.lse, expected.delta}, gradients);
  CHECK(max_abs(gradients.dq_BTHQ, expected.dq) <= 1e-13);
  CHECK(max_abs(gradients.dk_BSKQ, expected.dk) <= 1e-13);
}
