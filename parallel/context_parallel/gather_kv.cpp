// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/gather_kv.hpp"

#include <utility>

#include "configs/error.hpp"
#include "parallel/context_parallel/block.hpp"
#include "parallel/context_parallel/head_exchange.hpp"
#include "parallel/context_parallel/key_value_pair.hpp"

namespace ergon {
namespace {

// The key heads of one stride and the query heads that use them.
HeadRange stride_heads(const AttentionCall& call, std::int64_t stride, std::int64_t index) {
  const std::int64_t group = call.q_BTHQ.size(2) / call.k_BTKQ.size(2);
  return {index * stride * group, stride * group, index * stride, stride};
}

// Keys and values of one rank beside each other: [2 B, T, s, Q], one rank after another.
at::Tensor pair_of_rank(const Views& views, const at::Tensor& all, int rank, std::int64_t batch) {
  return views.narrow(all, 0, 2 * batch * rank, 2 * batch);
}

}  // namespace

// Keys and values of one stride after another, gathered one ahead.
class GatherKvAttention::Gather {
 public:
  Gather(Communicator& cp, const AttentionCall& call, const GatheredRows& rows, std::int64_t stride)
      : cp_(cp), call_(call), views_(call.scratch), rows_(rows), stride_(stride), strides_(call.k_BTKQ.size(2) / stride) {
    const std::int64_t b = call.k_BTKQ.size(0), t = call.k_BTKQ.size(1), width = call.k_BTKQ.size(3), n = cp.size();
    const at::ScalarType dtype = call.k_BTKQ.scalar_type();
    for (Buffers& buffer : buffers_) {
      buffer.own = call.scratch.take({2 * b, t, stride, width}, dtype);
      buffer.all = call.scratch.take({n * 2 * b, t, stride, width}, dtype);
    }
    keys_ = call.scratch.take({b, n * t, stride, width}, dtype);
    values_ = call.scratch.take({b, n * t, stride, width}, dtype);
    start(0);
  }

  std::int64_t strides() const { return strides_; }
  const at::Tensor& keys() const { return keys_; }
  const at::Tensor& values() const { return values_; }
  Work& next() { return buffers_[next_ % 2].work; }  // the stride under way; done after the last

  // Lays the next stride where keys() and values() are, and starts the one after it.
  void advance() {
    Buffers& ready = buffers_[next_ % 2];
    ready.work.wait();
    if (next_ + 1 < strides_) start(next_ + 1);
    ++next_;
    for (int rank = 0; rank < cp_.size(); ++rank) {
      const at::Tensor pair = pair_of_rank(views_, ready.all, rank, call_.k_BTKQ.size(0));
      const PositionRuns& rows = rows_.rows[static_cast<std::size_t>(rank)];
      scatter_rows(views_, keys_, rows, keys_of(views_, pair));
      scatter_rows(views_, values_, rows, values_of(views_, pair));
    }
  }

 private:
  struct Buffers {
    at::Tensor own, all;
    Work work;
  };
  void start(std::int64_t index) {
    Buffers& buffer = buffers_[index % 2];
    const HeadRange heads = stride_heads(call_, stride_, index);
    keys_of(views_, buffer.own).copy_(key_heads(views_, call_.k_BTKQ, heads));
    values_of(views_, buffer.own).copy_(key_heads(views_, call_.v_BTKQ, heads));
    buffer.work = cp_.all_gather(buffer.all, buffer.own);
  }

  Communicator& cp_;
  const AttentionCall& call_;
  Views views_;
  const GatheredRows& rows_;
  std::int64_t stride_, strides_, next_ = 0;
  Buffers buffers_[2];
  at::Tensor keys_, values_;
};

AttentionCall GatherKvAttention::gathered(const AttentionCall& call, const HeadRange& heads, const Gather& gather) {
  AttentionDropout dropout = call.dropout;
  dropout.first_head += heads.first_query;
  return {query_heads(Views(call.scratch), call.q_BTHQ, heads),
          gather.keys(),
          gather.values(),
          call.rules,
          dropout,
          call.scale,
          call.keep,
          call.scratch};
}

GatherKvAttention::GatherKvAttention(const ContextSharding& sharding, std::int64_t stride, const AttentionKernel& kernel, Communicator& cp)
    : sharding_(sharding), stride_(stride), kernel_(kernel), cp_(cp) {
  ERGON_CHECK(cp.size() == sharding.cp && stride >= 1, "{} ranks gather {} heads for cp = {}", cp.size(), stride, sharding.cp);
}

const std::vector<BlockMask>& GatherKvAttention::masks(const AttentionCall& call) {
  const std::int64_t sequence = call.q_BTHQ.size(1) * cp_.size();
  return masks_.get(sequence, call.rules,
                    [&](const AttentionRule& rule) { return gathered_block(sharding_, sequence, rule, cp_.rank()).mask; });
}

const GatheredRows& GatherKvAttention::rows(const AttentionCall& call) {
  const std::int64_t sequence = call.q_BTHQ.size(1) * cp_.size();
  ERGON_CHECK(call.k_BTKQ.size(2) % stride_ == 0, "{} key heads gathered {} at a time", call.k_BTKQ.size(2), stride_);
  if (sequence_ != sequence) rows_ = gathered_rows(sharding_.layout, sequence, sharding_.cp, 0, sharding_.cp);
  sequence_ = sequence;
  return rows_;
}

AttentionWork GatherKvAttention::forward(const AttentionCall& call, const at::Tensor& out_BTHQ, AttentionState& state) {
  const GatheredRows& places = rows(call);
  const std::vector<BlockMask>& seen = masks(call);
  const Views views(call.scratch);
  state.lse_BHT = call.keep.take({out_BTHQ.size(0), out_BTHQ.size(2), out_BTHQ.size(1)}, out_BTHQ.scalar_type());
  Gather gather(cp_, call, places, stride_);
  AttentionWork work;
  for (std::int64_t index = 0; index < gather.strides(); ++index) {
    gather.advance();
    const HeadRange heads = stride_heads(call, stride_, index);
    AttentionOutput result{query_heads(views, out_BTHQ, heads), statistic_heads(views, state.lse_BHT, heads)};
    add_work(work, forward_block(kernel_.blocks, gathered(call, heads, gather), seen, result, {cp_, gather.next()}));
  }
  return work;
}

AttentionWork GatherKvAttention::backward(const AttentionCall& call, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ,
                                          const AttentionState& state, AttentionGradients& result) {
  const GatheredRows& places = rows(call);
  const std::vector<BlockMask>& seen = masks(call);
  const Views views(call.scratch);
  const std::int64_t b = call.k_BTKQ.size(0), t = call.k_BTKQ.size(1), width = call.k_BTKQ.size(3), n = cp_.size();
  const at::ScalarType exact = result.dk_BSKQ.scalar_type();
  const at::Tensor delta_BHT = call.scratch.take(state.lse_BHT.sizes(), exact);
  kernel_.delta(delta_BHT, dout_BTHQ, out_BTHQ);
  const at::Tensor dk = call.scratch.take({b, n * t, stride_, width}, exact), dv = call.scratch.take(dk.sizes(), exact);
  const at::Tensor parts = call.scratch.take({n * 2 * b, t, stride_, width}, exact),
                   own = call.scratch.take({2 * b, t, stride_, width}, exact);
  Gather gather(cp_, call, places, stride_);
  AttentionWork work;
  Work scatter;
  HeadRange scattered;
  const auto finish = [&] {
    scatter.wait();
    key_heads(views, result.dk_BSKQ, scattered).copy_(keys_of(views, own));
    key_heads(views, result.dv_BSKQ, scattered).copy_(values_of(views, own));
  };
  for (std::int64_t index = 0; index < gather.strides(); ++index) {
    gather.advance();
    const HeadRange heads = stride_heads(call, stride_, index);
    AttentionGradients gradients{query_heads(views, result.dq_BTHQ, heads), dk, dv};
    add_work(work, backward_block(kernel_.blocks, gathered(call, heads, gather), seen,
                                  {query_heads(views, dout_BTHQ, heads), query_heads(views, out_BTHQ, heads),
                                   statistic_heads(views, state.lse_BHT, heads), statistic_heads(views, delta_BHT, heads)},
                                  gradients, {cp_, gather.next(), scatter}));
    if (index > 0) finish();
    for (int rank = 0; rank < cp_.size(); ++rank) {
      const PositionRuns& rows = places.rows[static_cast<std::size_t>(rank)];
      collect_rows(views, keys_of(views, pair_of_rank(views, parts, rank, b)), dk, rows);
      collect_rows(views, values_of(views, pair_of_rank(views, parts, rank, b)), dv, rows);
    }
    scatter = cp_.reduce_scatter(own, parts);
    scattered = heads;
  }
  finish();
  return work;
}

}  // namespace ergon
