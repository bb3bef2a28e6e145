// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/ulysses.hpp"

#include "configs/error.hpp"
#include "parallel/context_parallel/head_exchange.hpp"

namespace ergon {
namespace {

at::Tensor heads_at(const Views& views, const at::Tensor& x, std::int64_t first, std::int64_t count) {
  return views.narrow(x, 2, first, count);
}

// q, k, v side by side in packed rows.
struct Packed {
  at::Tensor q, k, v;
};
Packed unpacked(const Views& views, const at::Tensor& qkv_BSEQ, const HeadRange& heads) {
  return {heads_at(views, qkv_BSEQ, 0, heads.num_query), heads_at(views, qkv_BSEQ, heads.num_query, heads.num_kv),
          heads_at(views, qkv_BSEQ, heads.num_query + heads.num_kv, heads.num_kv)};
}

}  // namespace

UlyssesAttention::UlyssesAttention(const ContextSharding& sharding, int context_rank, Communicator& group,
                                   std::unique_ptr<AttentionStrategy> inner)
    : sharding_(sharding), context_rank_(context_rank), group_(group), inner_(std::move(inner)) {
  ERGON_CHECK(group.size() == sharding.exchanging() && group.rank() == context_rank % group.size(),
              "context rank {} is rank {} of {} that exchange heads, not of {}", context_rank, group.rank(), group.size(),
              sharding.exchanging());
}

const GatheredRows& UlyssesAttention::rows(const AttentionCall& call) {
  const std::int64_t sequence = call.q_BTHQ.size(1) * sharding_.cp;
  if (sequence_ != sequence) rows_ = gathered_rows(sharding_.layout, sequence, sharding_.cp, context_rank_ - group_.rank(), group_.size());
  sequence_ = sequence;
  return rows_;
}

const UlyssesAttention::HeadPlan& UlyssesAttention::heads(const AttentionCall& call) {
  const std::int64_t query = call.q_BTHQ.size(2), key = call.k_BTKQ.size(2);
  if (heads_.query == query && heads_.key == key) return heads_;
  const int ranks = group_.size();
  heads_ = {query, key, {}, {}, {}, {}, {}, {}, {}, {}};
  for (int rank = 0; rank < ranks; ++rank) {
    const HeadRange range = exchanged_heads(query, key, ranks, rank);
    heads_.ranges.push_back(range);
    heads_.queries.push_back(range.num_query);
    heads_.pairs.push_back(2 * range.num_kv);
    heads_.packed.push_back(range.num_query + 2 * range.num_kv);
  }
  const auto own = static_cast<std::size_t>(group_.rank()), of_all = static_cast<std::size_t>(ranks);
  heads_.own_parts = regular_heads(heads_.ranges[own], query / key);
  if (heads_.own_parts.size() == 1) heads_.own_parts.clear();
  heads_.own_queries.assign(of_all, heads_.queries[own]);
  heads_.own_pairs.assign(of_all, heads_.pairs[own]);
  heads_.own_packed.assign(of_all, heads_.packed[own]);
  return heads_;
}

AttentionCall UlyssesAttention::exchanged(const AttentionCall& call, const at::Tensor& qkv_BSEQ) {
  const HeadPlan& plan = heads(call);
  const HeadRange& mine = plan.ranges[static_cast<std::size_t>(group_.rank())];
  const Packed parts = unpacked(Views(call.scratch), qkv_BSEQ, mine);
  AttentionDropout dropout = call.dropout;
  dropout.first_head += mine.first_query;
  return {parts.q, parts.k, parts.v, call.rules, dropout, call.scale, call.keep, call.scratch, plan.own_parts};
}

AttentionWork UlyssesAttention::forward(const AttentionCall& call, const at::Tensor& out_BTHQ, AttentionState& state) {
  const std::int64_t b = call.q_BTHQ.size(0), t = call.q_BTHQ.size(1), width = call.q_BTHQ.size(3), s = t * group_.size();
  const at::ScalarType wire = call.q_BTHQ.scalar_type();
  const Views views(call.scratch);
  const HeadPlan& plan = heads(call);
  const HeadRange& mine = plan.ranges[static_cast<std::size_t>(group_.rank())];
  const GatheredRows& places = rows(call);
  const auto of_rank = [&](int rank) -> const HeadRange& { return plan.ranges[static_cast<std::size_t>(rank)]; };
  const auto rows_of = [&](int rank) -> const PositionRuns& { return places.rows[static_cast<std::size_t>(rank)]; };
  state.qkv_BSEQ = call.keep.take({b, s, mine.num_query + 2 * mine.num_kv, width}, wire);
  state.out_BSHQ = call.keep.take({b, s, mine.num_query, width}, out_BTHQ.scalar_type());

  exchange_pieces(
      group_, {b, t, width, wire}, plan.packed,
      [&](int rank, const at::Tensor& piece) {
        const HeadRange& of = of_rank(rank);
        const Packed to = unpacked(views, piece, of);
        to.q.copy_(heads_at(views, call.q_BTHQ, of.first_query, of.num_query));
        to.k.copy_(heads_at(views, call.k_BTKQ, of.first_kv, of.num_kv));
        to.v.copy_(heads_at(views, call.v_BTKQ, of.first_kv, of.num_kv));
      },
      plan.own_packed, [&](int rank, const at::Tensor& piece) { scatter_rows(views, state.qkv_BSEQ, rows_of(rank), piece); }, call.scratch);

  const AttentionWork work = inner_->forward(exchanged(call, state.qkv_BSEQ), state.out_BSHQ, state);

  exchange_pieces(
      group_, {b, t, width, wire}, plan.own_queries,
      [&](int rank, const at::Tensor& piece) { collect_rows(views, piece, state.out_BSHQ, rows_of(rank)); }, plan.queries,
      [&](int rank, const at::Tensor& piece) {
        const HeadRange& of = of_rank(rank);
        heads_at(views, out_BTHQ, of.first_query, of.num_query).copy_(piece);
      },
      call.scratch);
  return work;
}

AttentionWork UlyssesAttention::backward(const AttentionCall& call, const at::Tensor& dout_BTHQ, const at::Tensor&,
                                         const AttentionState& state, AttentionGradients& result) {
  const std::int64_t b = call.q_BTHQ.size(0), t = call.q_BTHQ.size(1), width = call.q_BTHQ.size(3), s = t * group_.size();
  const at::ScalarType wire = call.q_BTHQ.scalar_type(), exact = result.dk_BSKQ.scalar_type();
  const Views views(call.scratch);
  const HeadPlan& plan = heads(call);
  const HeadRange& mine = plan.ranges[static_cast<std::size_t>(group_.rank())];
  const GatheredRows& places = rows(call);
  const auto of_rank = [&](int rank) -> const HeadRange& { return plan.ranges[static_cast<std::size_t>(rank)]; };
  const auto rows_of = [&](int rank) -> const PositionRuns& { return places.rows[static_cast<std::size_t>(rank)]; };

  const at::Tensor dout = call.scratch.take({b, s, mine.num_query, width}, dout_BTHQ.scalar_type());
  exchange_pieces(
      group_, {b, t, width, dout_BTHQ.scalar_type()}, plan.queries,
      [&](int rank, const at::Tensor& piece) {
        const HeadRange& of = of_rank(rank);
        piece.copy_(heads_at(views, dout_BTHQ, of.first_query, of.num_query));
      },
      plan.own_queries, [&](int rank, const at::Tensor& piece) { scatter_rows(views, dout, rows_of(rank), piece); }, call.scratch);

  const at::Tensor dqkv = call.scratch.take({b, s, mine.num_query + 2 * mine.num_kv, width}, exact);
  const Packed parts = unpacked(views, dqkv, mine);
  AttentionGradients inner{parts.q, parts.k, parts.v};
  const AttentionWork work = inner_->backward(exchanged(call, state.qkv_BSEQ), dout, state.out_BSHQ, state, inner);

  exchange_pieces(
      group_, {b, t, width, wire}, plan.own_queries,
      [&](int rank, const at::Tensor& piece) { collect_rows(views, piece, parts.q, rows_of(rank)); }, plan.queries,
      [&](int rank, const at::Tensor& piece) {
        const HeadRange& of = of_rank(rank);
        heads_at(views, result.dq_BTHQ, of.first_query, of.num_query).copy_(piece);
      },
      call.scratch);

  const at::Tensor dkv = heads_at(views, dqkv, mine.num_query, 2 * mine.num_kv);
  result.dk_BSKQ.zero_();
  result.dv_BSKQ.zero_();
  exchange_pieces(
      group_, {b, t, width, exact}, plan.own_pairs,
      [&](int rank, const at::Tensor& piece) { collect_rows(views, piece, dkv, rows_of(rank)); }, plan.pairs,
      [&](int rank, const at::Tensor& piece) {
        const HeadRange& of = of_rank(rank);
        heads_at(views, result.dk_BSKQ, of.first_kv, of.num_kv).add_(heads_at(views, piece, 0, of.num_kv));
        heads_at(views, result.dv_BSKQ, of.first_kv, of.num_kv).add_(heads_at(views, piece, of.num_kv, of.num_kv));
      },
      call.scratch);
  return work;
}

}  // namespace ergon
