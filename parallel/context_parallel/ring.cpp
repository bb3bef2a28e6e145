// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/ring.hpp"

#include <utility>

#include "configs/error.hpp"
#include "parallel/context_parallel/block.hpp"
#include "parallel/context_parallel/key_value_pair.hpp"

namespace ergon {
namespace {

void add_rows(const AttentionCall& call, const at::Tensor& sum_pair, const at::Tensor& block_pair, PartOfRule parts) {
  const Views views(call.scratch);
  each_rule(call, [&](const Sharers& sharers) {
    const BlockPart& part = parts(sharers.rule);
    if (part.empty()) return;
    const auto rows = [&](const at::Tensor& x_BSKQ) {
      return views.narrow(samples_of(views, x_BSKQ, sharers), 1, part.first_key, part.keys);
    };
    rows(keys_of(views, sum_pair)).add_(rows(keys_of(views, block_pair)));
    rows(values_of(views, sum_pair)).add_(rows(values_of(views, block_pair)));
  });
}

}  // namespace

RingAttention::RingAttention(const ContextSharding& sharding, const AttentionKernel& kernel, Communicator& ring)
    : sharding_(sharding), kernel_(kernel), ring_(ring) {
  ERGON_CHECK(ring.size() == sharding.ring(), "a ring of {} for {} members", ring.size(), sharding.ring());
}

const std::vector<std::vector<BlockPart>>& RingAttention::blocks(const AttentionCall& call) {
  const std::int64_t sequence = call.q_BTHQ.size(1) * ring_.size();
  return blocks_.get(sequence, call.rules, [&](const AttentionRule& rule) { return ring_blocks(sharding_, sequence, rule, ring_.rank()); });
}

// The block of the member that is so many places on.
const BlockPart& RingAttention::block(const std::vector<BlockPart>& blocks, int hops) const {
  const int n = ring_.size();
  return blocks[static_cast<std::size_t>(((ring_.rank() + hops) % n + n) % n)];
}

AttentionWork RingAttention::forward(const AttentionCall& call, const at::Tensor& out_BTHQ, AttentionState& state) {
  const std::vector<std::vector<BlockPart>>& by_rule = blocks(call);
  const Views views(call.scratch);
  const int n = ring_.size();
  state.lse_BHT = call.keep.take({out_BTHQ.size(0), out_BTHQ.size(2), out_BTHQ.size(1)}, out_BTHQ.scalar_type());
  state.last_kv = take_pair(call.keep, call.k_BTKQ, call.k_BTKQ.scalar_type());
  at::Tensor current = state.last_kv, next = take_pair(call.scratch, call.k_BTKQ, call.k_BTKQ.scalar_type());
  if (n % 2 == 0) std::swap(current, next);  // the block that arrives last lands in last_kv
  keys_of(views, current).copy_(call.k_BTKQ);
  values_of(views, current).copy_(call.v_BTKQ);
  RunningOutput output(kernel_, call, out_BTHQ, state.lse_BHT);
  AttentionWork work;
  for (int step = 0; step < n; ++step) {
    Work hop;
    if (step + 1 < n) hop = ring_.ring_shift(next, current, 1);
    const auto parts = [&](std::size_t rule) -> const BlockPart& { return block(by_rule[rule], -step); };
    add_work(work, output.add(parts, keys_of(views, current), values_of(views, current), {ring_, hop}));
    hop.wait();
    if (step + 1 < n) std::swap(current, next);
  }
  return work;
}

AttentionWork RingAttention::backward(const AttentionCall& call, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ,
                                      const AttentionState& state, AttentionGradients& result) {
  const std::vector<std::vector<BlockPart>>& by_rule = blocks(call);
  const Views views(call.scratch);
  const int n = ring_.size();
  const at::ScalarType wire = call.k_BTKQ.scalar_type(), exact = result.dk_BSKQ.scalar_type();
  at::Tensor current = state.last_kv, next = take_pair(call.scratch, call.k_BTKQ, wire);
  at::Tensor sum = take_pair(call.scratch, call.k_BTKQ, exact), arriving = take_pair(call.scratch, call.k_BTKQ, exact);
  const at::Tensor own = take_pair(call.scratch, call.k_BTKQ, exact);
  RunningGradients gradients(kernel_, call, dout_BTHQ, out_BTHQ, state.lse_BHT, result.dq_BTHQ);
  AttentionWork work;
  Work gradient_hop;
  for (int step = 0; step < n; ++step) {
    Work hop;
    if (step + 1 < n) hop = ring_.ring_shift(next, current, -1);
    const auto parts = [&](std::size_t rule) -> const BlockPart& { return block(by_rule[rule], step + 1); };
    add_work(work, gradients.add(parts, keys_of(views, current), values_of(views, current), keys_of(views, own), values_of(views, own),
                                 {ring_, hop, gradient_hop}));
    gradient_hop.wait();
    if (step == 0)
      sum.zero_();
    else
      std::swap(sum, arriving);  // what the members before have found of these keys
    add_rows(call, sum, own, parts);
    if (step + 1 == n) break;
    gradient_hop = ring_.ring_shift(arriving, sum, -1);
    hop.wait();
    std::swap(current, next);
  }
  result.dk_BSKQ.copy_(keys_of(views, sum));
  result.dv_BSKQ.copy_(values_of(views, sum));
  return work;
}

}  // namespace ergon
