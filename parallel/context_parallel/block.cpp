// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/block.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>

#include "parallel/context_parallel/merge.hpp"

namespace ergon {
namespace {

at::Tensor query_rows(const Views& views, const at::Tensor& x_BTHQ, const BlockPart& part) {
  return views.narrow(x_BTHQ, 1, part.first_query, part.queries);
}
at::Tensor key_rows(const Views& views, const at::Tensor& x_BSKQ, const BlockPart& part) {
  return views.narrow(x_BSKQ, 1, part.first_key, part.keys);
}
at::Tensor statistic_rows(const Views& views, const at::Tensor& x_BHT, const BlockPart& part) {
  return views.narrow(x_BHT, 2, part.first_query, part.queries);
}

// The samples that share a rule, as one block.
AttentionBlock block_of(const Views& views, const AttentionCall& call, const Sharers& sharers, const BlockMask& mask) {
  AttentionDropout dropout = call.dropout;
  dropout.first_sample += sharers.first;
  return {samples_of(views, call.q_BTHQ, sharers),
          samples_of(views, call.k_BTKQ, sharers),
          samples_of(views, call.v_BTKQ, sharers),
          mask,
          dropout,
          call.scale};
}

// Of such samples what a part names, against other keys and values than the call's.
AttentionBlock visible_block(const Views& views, const AttentionCall& call, const Sharers& sharers, const BlockPart& part,
                             const at::Tensor& k_BSKQ, const at::Tensor& v_BSKQ) {
  AttentionBlock block = block_of(views, call, sharers, part.mask);
  block.q_BTHQ = query_rows(views, block.q_BTHQ, part);
  block.k_BSKQ = key_rows(views, samples_of(views, k_BSKQ, sharers), part);
  block.v_BSKQ = key_rows(views, samples_of(views, v_BSKQ, sharers), part);
  return block;
}

// Some heads of some samples.
struct Portion {
  std::int64_t first_sample, samples;
  HeadRange heads;
};

at::Tensor samples_of(const Views& views, const at::Tensor& x, const Portion& portion) {
  return views.narrow(x, 0, portion.first_sample, portion.samples);
}
at::Tensor queries_of(const Views& views, const at::Tensor& x_BTHQ, const Portion& portion) {
  return query_heads(views, samples_of(views, x_BTHQ, portion), portion.heads);
}
at::Tensor keys_of(const Views& views, const at::Tensor& x_BSKQ, const Portion& portion) {
  return key_heads(views, samples_of(views, x_BSKQ, portion), portion.heads);
}
at::Tensor statistics_of(const Views& views, const at::Tensor& x_BHT, const Portion& portion) {
  return statistic_heads(views, samples_of(views, x_BHT, portion), portion.heads);
}

AttentionBlock block_of(const Views& views, const AttentionBlock& block, const Portion& portion) {
  AttentionDropout dropout = block.dropout;
  dropout.first_sample += portion.first_sample;
  dropout.first_head += portion.heads.first_query;
  return {queries_of(views, block.q_BTHQ, portion),
          keys_of(views, block.k_BSKQ, portion),
          keys_of(views, block.v_BSKQ, portion),
          block.mask,
          dropout,
          block.scale};
}

// Key heads [first, first + count) of a range in which each serves equally many query heads.
HeadRange some_heads(const HeadRange& range, std::int64_t first, std::int64_t count) {
  const std::int64_t group = range.num_query / range.num_kv;
  return {range.first_query + first * group, count * group, range.first_kv + first, count};
}

// Visits all heads of all samples: while messages are under way in portions of about a key head of a sample for each thread, else at once.
template <typename Visit>
void each_portion(std::int64_t samples, const HeadRange& range, const UnderWay& messages, const Visit& visit) {
  const std::int64_t threads = at::get_num_threads(), heads_at_once = std::min(threads, range.num_kv),
                     samples_at_once = (threads + range.num_kv - 1) / range.num_kv;
  for (std::int64_t b = 0; b < samples; b += samples_at_once) {
    if (messages.arrived()) return visit(Portion{b, samples - b, range});
    const std::int64_t here = std::min(samples_at_once, samples - b);
    for (std::int64_t k = 0; k < range.num_kv;) {
      const std::int64_t heads = k > 0 && messages.arrived() ? range.num_kv - k : std::min(heads_at_once, range.num_kv - k);
      visit(Portion{b, here, some_heads(range, k, heads)});
      k += heads;
    }
  }
}

// The ranges of a block's heads: the given ones, or all.
std::vector<HeadRange> ranges_of(const AttentionBlock& block, const std::vector<HeadRange>& heads) {
  if (!heads.empty()) return heads;
  return {{0, block.q_BTHQ.size(2), 0, block.k_BSKQ.size(2)}};
}

}  // namespace

void add_work(AttentionWork& sum, const AttentionWork& part) {
  sum.pairs_visible += part.pairs_visible;
  sum.pairs_computed += part.pairs_computed;
  sum.matmuls = std::max(sum.matmuls, part.matmuls);
  sum.declared = sum.declared || part.declared;
}

bool UnderWay::arrived() const {
  const bool first = first_ == nullptr || first_->query(), second = second_ == nullptr || second_->query();
  return first && second;
}

AttentionWork forward_block(const LocalAttention& kernel, const Views& views, const AttentionBlock& block,
                            const std::vector<HeadRange>& heads, AttentionOutput& result, const UnderWay& messages) {
  if (heads.size() <= 1 && messages.arrived()) return kernel.forward(block, result);
  AttentionWork work;
  for (const HeadRange& range : ranges_of(block, heads))
    each_portion(block.q_BTHQ.size(0), range, messages, [&](const Portion& portion) {
      AttentionOutput part{queries_of(views, result.out_BTHQ, portion), statistics_of(views, result.lse_BHT, portion)};
      add_work(work, kernel.forward(block_of(views, block, portion), part));
    });
  return work;
}

AttentionWork backward_block(const LocalAttention& kernel, const Views& views, const AttentionBlock& block,
                             const std::vector<HeadRange>& heads, const AttentionUpstream& upstream, AttentionGradients& result,
                             const UnderWay& messages) {
  if (heads.size() <= 1 && messages.arrived()) return kernel.backward(block, upstream, result);
  AttentionWork work;
  for (const HeadRange& range : ranges_of(block, heads))
    each_portion(block.q_BTHQ.size(0), range, messages, [&](const Portion& portion) {
      const AttentionUpstream above{queries_of(views, upstream.dout_BTHQ, portion), queries_of(views, upstream.out_BTHQ, portion),
                                    statistics_of(views, upstream.lse_BHT, portion), statistics_of(views, upstream.delta_BHT, portion)};
      AttentionGradients part{queries_of(views, result.dq_BTHQ, portion), keys_of(views, result.dk_BSKQ, portion),
                              keys_of(views, result.dv_BSKQ, portion)};
      add_work(work, kernel.backward(block_of(views, block, portion), above, part));
    });
  return work;
}

AttentionWork forward_block(const LocalAttention& kernel, const AttentionCall& call, std::span<const BlockMask> masks,
                            AttentionOutput& result, const UnderWay& messages) {
  const Views views(call.scratch);
  AttentionWork work;
  each_rule(call, [&](const Sharers& sharers) {
    AttentionOutput part{samples_of(views, result.out_BTHQ, sharers), samples_of(views, result.lse_BHT, sharers)};
    add_work(work, forward_block(kernel, views, block_of(views, call, sharers, masks[sharers.rule]), call.heads, part, messages));
  });
  return work;
}

AttentionWork backward_block(const LocalAttention& kernel, const AttentionCall& call, std::span<const BlockMask> masks,
                             const AttentionUpstream& upstream, AttentionGradients& result, const UnderWay& messages) {
  const Views views(call.scratch);
  AttentionWork work;
  each_rule(call, [&](const Sharers& sharers) {
    const auto of = [&](const at::Tensor& x) { return samples_of(views, x, sharers); };
    const AttentionUpstream above{of(upstream.dout_BTHQ), of(upstream.out_BTHQ), of(upstream.lse_BHT), of(upstream.delta_BHT)};
    AttentionGradients part{of(result.dq_BTHQ), of(result.dk_BSKQ), of(result.dv_BSKQ)};
    add_work(work, backward_block(kernel, views, block_of(views, call, sharers, masks[sharers.rule]), call.heads, above, part, messages));
  });
  return work;
}

RunningOutput::RunningOutput(const AttentionKernel& kernel, const AttentionCall& call, const at::Tensor& out_BTHQ,
                             const at::Tensor& lse_BHT)
    : kernel_(kernel),
      call_(call),
      views_(call.scratch),
      out_BTHQ_(out_BTHQ),
      lse_BHT_(lse_BHT),
      running_lse_BHT_(lse_BHT),
      block_out_BTHQ_(call.scratch.take(out_BTHQ.sizes(), out_BTHQ.scalar_type())),
      block_lse_BHT_(call.scratch.take(lse_BHT.sizes(), lse_BHT.scalar_type())),
      block_exact_BHT_(block_lse_BHT_),
      difference_BHT_(call.scratch.take(lse_BHT.sizes(), at::kDouble)),
      weight_BHT_(difference_BHT_) {
  if (lse_BHT.scalar_type() == at::kDouble) return;
  running_lse_BHT_ = call.scratch.take(lse_BHT.sizes(), at::kDouble);
  block_exact_BHT_ = call.scratch.take(lse_BHT.sizes(), at::kDouble);
  weight_BHT_ = call.scratch.take(lse_BHT.sizes(), lse_BHT.scalar_type());
}

AttentionWork RunningOutput::add(PartOfRule parts, const at::Tensor& k_BSKQ, const at::Tensor& v_BSKQ, const UnderWay& messages) {
  AttentionWork work;
  each_rule(call_, [&](const Sharers& sharers) { add_work(work, add(sharers, parts(sharers.rule), k_BSKQ, v_BSKQ, messages)); });
  first_ = false;
  return work;
}

AttentionWork RunningOutput::add(const Sharers& sharers, const BlockPart& part, const at::Tensor& k_BSKQ, const at::Tensor& v_BSKQ,
                                 const UnderWay& messages) {
  const auto queries = [&](const at::Tensor& x_BTHQ) { return query_rows(views_, samples_of(views_, x_BTHQ, sharers), part); };
  const auto statistics = [&](const at::Tensor& x_BHT) { return statistic_rows(views_, samples_of(views_, x_BHT, sharers), part); };
  const bool writes_all = part.queries == out_BTHQ_.size(1), direct = first_ && writes_all;
  if (first_ && !writes_all) {
    samples_of(views_, out_BTHQ_, sharers).zero_();
    for (const at::Tensor* lse : {&lse_BHT_, &running_lse_BHT_})
      samples_of(views_, *lse, sharers).fill_(-std::numeric_limits<double>::infinity());
  }
  if (part.empty()) return {};
  const AttentionBlock block = visible_block(views_, call_, sharers, part, k_BSKQ, v_BSKQ);
  AttentionOutput result{queries(direct ? out_BTHQ_ : block_out_BTHQ_), statistics(direct ? lse_BHT_ : block_lse_BHT_)};
  const AttentionWork work = forward_block(kernel_.blocks, views_, block, call_.heads, result, messages);
  const at::Tensor running = statistics(running_lse_BHT_), exact = statistics(block_exact_BHT_);
  const bool in_double = lse_BHT_.scalar_type() == at::kDouble;
  if (direct) {
    if (!in_double) running.copy_(result.lse_BHT);
    return work;
  }
  if (!in_double) exact.copy_(result.lse_BHT);
  const at::Tensor difference = statistics(difference_BHT_);
  merge_attention(views_, queries(out_BTHQ_), running, result.out_BTHQ, exact, difference,
                  in_double ? difference : statistics(weight_BHT_));
  if (!in_double) statistics(lse_BHT_).copy_(running);
  return work;
}

RunningGradients::RunningGradients(const AttentionKernel& kernel, const AttentionCall& call, const at::Tensor& dout_BTHQ,
                                   const at::Tensor& out_BTHQ, const at::Tensor& lse_BHT, const at::Tensor& dq_BTHQ)
    : kernel_(kernel),
      call_(call),
      views_(call.scratch),
      upstream_{dout_BTHQ, out_BTHQ, lse_BHT, call.scratch.take(lse_BHT.sizes(), lse_BHT.scalar_type())},
      dq_BTHQ_(dq_BTHQ),
      block_dq_BTHQ_(call.scratch.take(dq_BTHQ.sizes(), dq_BTHQ.scalar_type())) {
  kernel.delta(upstream_.delta_BHT, dout_BTHQ, out_BTHQ);
  dq_BTHQ_.zero_();
}

AttentionWork RunningGradients::add(PartOfRule parts, const at::Tensor& k_BSKQ, const at::Tensor& v_BSKQ, const at::Tensor& dk_BSKQ,
                                    const at::Tensor& dv_BSKQ, const UnderWay& messages) {
  AttentionWork work;
  each_rule(call_, [&](const Sharers& sharers) {
    const BlockPart& part = parts(sharers.rule);
    if (part.empty()) return;
    const auto of = [&](const at::Tensor& x) { return samples_of(views_, x, sharers); };
    const AttentionUpstream upstream{query_rows(views_, of(upstream_.dout_BTHQ), part), query_rows(views_, of(upstream_.out_BTHQ), part),
                                     statistic_rows(views_, of(upstream_.lse_BHT), part),
                                     statistic_rows(views_, of(upstream_.delta_BHT), part)};
    const at::Tensor block_dq = query_rows(views_, of(block_dq_BTHQ_), part);
    AttentionGradients gradients{block_dq, key_rows(views_, of(dk_BSKQ), part), key_rows(views_, of(dv_BSKQ), part)};
    add_work(work, backward_block(kernel_.blocks, views_, visible_block(views_, call_, sharers, part, k_BSKQ, v_BSKQ), call_.heads,
                                  upstream, gradients, messages));
    query_rows(views_, of(dq_BTHQ_), part).add_(block_dq);
  });
  return work;
}

}  // namespace ergon
