// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/block.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <limits>

#include "parallel/communicator_local.hpp"
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
      : data(attention_data(c)), call{data.q, data.k, data.v, {&rule, 1}, c.dropout, data.scale, keep, scratch} {}
  AttentionData data;
  AttentionRule rule;
  Arena keep, scratch;
  AttentionCall call;
  PlainAttention kernel;
};

// A part that all samples share; it is used at once.
auto shared(const BlockPart& part) {
  return [&part](std::size_t) -> const BlockPart& { return part; };
}

// Under way until it has been polled so often.
class Slow final : public Work::Request {
 public:
  Slow(int polls, int& polled) : left_(polls), polled_(polled) {}
  bool poll() override {
    ++polled_;
    return --left_ <= 0;
  }

 private:
  int left_;
  int& polled_;
};

// Counts the calls of the plain kernel.
class Counting final : public LocalAttention {
 public:
  const char* name() const override { return "counting"; }
  AttentionTiles tiles() const override { return kernel_.tiles(); }
  AttentionWork forward(const AttentionBlock& block, AttentionOutput& result) const override {
    ++calls;
    return kernel_.forward(block, result);
  }
  AttentionWork backward(const AttentionBlock& block, const AttentionUpstream& upstream, AttentionGradients& result) const override {
    ++calls;
    return kernel_.backward(block, upstream, result);
  }
  mutable int calls = 0;

 private:
  PlainAttention kernel_;
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
      add_work(work, running.add(shared(part), one.data.k.narrow(1, first, 12), one.data.v.narrow(1, first, 12)));
      add_work(work, running.add(shared({}), one.data.k, one.data.v));
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
  running.add(shared({}), one.data.k, one.data.v);
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
    running.add(shared(part), keys(one.data.k), keys(one.data.v), keys(dk), keys(dv));
  }
  CHECK(running.add(shared({}), one.data.k, one.data.v, dk, dv).pairs_computed == 0);
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

TEST_CASE("block: while messages are under way it is computed in parts with a poll after each; then the rest at once") {
  const AttentionCase c = whole_case("causal", 8, 4, {}, 1.0, 0.3);  // two samples of four key heads
  OneCall one(c);
  const AttentionAnswer expected = oracle(c, one.data);
  const auto group = std::move(make_local_group(1).front());
  const AttentionBlock block{one.data.q, one.data.k, one.data.v, c.mask, c.dropout, one.data.scale};
  struct Expected {
    int polls, calls;  // until it has arrived; of the kernel
  };
  // Arrived before the first part, after one, after two of the second sample, never while the block lasts; one thread.
  for (const Expected& e : {Expected{1, 1}, Expected{3, 3}, Expected{8, 7}, Expected{100, 8}}) {
    INFO(e.polls << " polls");
    at::set_num_threads(1);
    const Counting kernel;
    int polled = 0;
    Work hop(std::make_unique<Slow>(e.polls, polled));
    const at::Tensor out = garbage(one.data.q.sizes()), lse = garbage(expected.lse.sizes());
    AttentionOutput result{out, lse};
    const AttentionWork work = forward_block(kernel, Views(one.call.scratch), block, {}, result, {*group, hop});
    CHECK(work.pairs_visible == c.mask.visible_pairs() * 2 * 8);
    CHECK(kernel.calls == e.calls);
    CHECK(polled == std::min(e.polls, 9));
    CHECK(max_abs(out, expected.out) <= 1e-13);

    int first_polled = 0, second_polled = 0;
    Work first(std::make_unique<Slow>(1, first_polled)), second(std::make_unique<Slow>(e.polls, second_polled));
    kernel.calls = 0;
    AttentionGradients gradients{garbage(one.data.q.sizes()), garbage(one.data.k.sizes()), garbage(one.data.k.sizes())};
    backward_block(kernel, Views(one.call.scratch), block, {}, {one.data.dout, expected.out, expected.lse, expected.delta}, gradients,
                   {*group, first, second});
    CHECK(kernel.calls == e.calls);
    CHECK(max_abs(gradients.dq_BTHQ, expected.dq) <= 1e-13);
    CHECK(max_abs(gradients.dk_BSKQ, expected.dk) <= 1e-13);
    CHECK(max_abs(gradients.dv_BSKQ, expected.dv) <= 1e-13);
  }
}
