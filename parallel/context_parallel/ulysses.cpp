// SPDX-License-Identifier: Apache-2.0
#include "parallel/context_parallel/ulysses.hpp"

#include "configs/error.hpp"
#include "parallel/context_parallel/head_exchange.hpp"

namespace ergon {
namespace {

at::Tensor heads_at(const at::Tensor& x, std::int64_t first, std::int64_t count) { return x.narrow(2, first, count); }

// q, k, v side by side in packed rows.
struct Packed {
  at::Tensor q, k, v;
};
Packed unpacked(const at::Tensor& qkv_BSEQ, const HeadRange& heads) {
  return {heads_at(qkv_BSEQ, 0, heads.num_query), heads_at(qkv_BSEQ, heads.num_query, heads.num_kv),
          heads_at(qkv_BSEQ, heads.num_query + heads.num_kv, heads.num_kv)};
}

template <typename Count>
std::vector<std::int64_t> by_rank(int ranks, const Count& count) {
  std::vector<std::int64_t> counts;
  for (int rank = 0; rank < ranks; ++rank) counts.push_back(count(rank));
  return counts;
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
  return rows_.get(sequence, call.rule,
                   [&] { return gathered_rows(sharding_.layout, sequence, sharding_.cp, context_rank_ - group_.rank(), group_.size()); });
}

HeadRange UlyssesAttention::heads(const AttentionCall& call, int rank) const {
  return exchanged_heads(call.q_BTHQ.size(2), call.k_BTKQ.size(2), group_.size(), rank);
}

AttentionCall UlyssesAttention::exchanged(const AttentionCall& call, const at::Tensor& qkv_BSEQ) const {
  const HeadRange mine = heads(call, group_.rank());
  const Packed parts = unpacked(qkv_BSEQ, mine);
  AttentionDropout dropout = call.dropout;
  dropout.first_head += mine.first_query;
  return {parts.q,   parts.k,      parts.v,
          call.rule, dropout,      call.scale,
          call.keep, call.scratch, regular_heads(mine, call.q_BTHQ.size(2) / call.k_BTKQ.size(2))};
}

AttentionWork UlyssesAttention::forward(const AttentionCall& call, const at::Tensor& out_BTHQ, AttentionState& state) {
  const std::int64_t b = call.q_BTHQ.size(0), t = call.q_BTHQ.size(1), width = call.q_BTHQ.size(3), s = t * group_.size();
  const at::ScalarType wire = call.q_BTHQ.scalar_type();
  const HeadRange mine = heads(call, group_.rank());
  const GatheredRows& places = rows(call);
  state.qkv_BSEQ = call.keep.take({b, s, mine.num_query + 2 * mine.num_kv, width}, wire);
  state.out_BSHQ = call.keep.take({b, s, mine.num_query, width}, out_BTHQ.scalar_type());

  const auto packed_heads = [&](int rank) {
    const HeadRange of = heads(call, rank);
    return of.num_query + 2 * of.num_kv;
  };
  exchange_pieces(
      group_, {b, t, width, wire}, by_rank(group_.size(), packed_heads),
      [&](int rank, const at::Tensor& piece) {
        const HeadRange of = heads(call, rank);
        const Packed to = unpacked(piece, of);
        to.q.copy_(heads_at(call.q_BTHQ, of.first_query, of.num_query));
        to.k.copy_(heads_at(call.k_BTKQ, of.first_kv, of.num_kv));
        to.v.copy_(heads_at(call.v_BTKQ, of.first_kv, of.num_kv));
      },
      by_rank(group_.size(), [&](int) { return packed_heads(group_.rank()); }),
      [&](int rank, const at::Tensor& piece) { scatter_rows(state.qkv_BSEQ, places.rows[static_cast<std::size_t>(rank)], piece); },
      call.scratch);

  const AttentionWork work = inner_->forward(exchanged(call, state.qkv_BSEQ), state.out_BSHQ, state);

  exchange_pieces(
      group_, {b, t, width, wire}, by_rank(group_.size(), [&](int) { return mine.num_query; }),
      [&](int rank, const at::Tensor& piece) { collect_rows(piece, state.out_BSHQ, places.rows[static_cast<std::size_t>(rank)]); },
      by_rank(group_.size(), [&](int rank) { return heads(call, rank).num_query; }),
      [&](int rank, const at::Tensor& piece) {
        const HeadRange of = heads(call, rank);
        heads_at(out_BTHQ, of.first_query, of.num_query).copy_(piece);
      },
      call.scratch);
  return work;
}

AttentionWork UlyssesAttention::backward(const AttentionCall& call, const at::Tensor& dout_BTHQ, const at::Tensor&,
                                         const AttentionState& state, AttentionGradients& result) {
  const std::int64_t b = call.q_BTHQ.size(0), t = call.q_BTHQ.size(1), width = call.q_BTHQ.size(3), s = t * group_.size();
  const at::ScalarType wire = call.q_BTHQ.scalar_type(), exact = result.dk_BSKQ.scalar_type();
  const HeadRange mine = heads(call, group_.rank());
  const GatheredRows& places = rows(call);
  const auto rows_of = [&](int rank) -> const PositionRuns& { return places.rows[static_cast<std::size_t>(rank)]; };
  const auto query_heads = by_rank(group_.size(), [&](int rank) { return heads(call, rank).num_query; });
  const auto own_query_heads = by_rank(group_.size(), [&](int) { return mine.num_query; });

  const at::Tensor dout = call.scratch.take({b, s, mine.num_query, width}, dout_BTHQ.scalar_type());
  exchange_pieces(
      group_, {b, t, width, dout_BTHQ.scalar_type()}, query_heads,
      [&](int rank, const at::Tensor& piece) {
        const HeadRange of = heads(call, rank);
        piece.copy_(heads_at(dout_BTHQ, of.first_query, of.num_query));
      },
      own_query_heads, [&](int rank, const at::Tensor& piece) { scatter_rows(dout, rows_of(rank), piece); }, call.scratch);

  const at::Tensor dqkv = call.scratch.take({b, s, mine.num_query + 2 * mine.num_kv, width}, exact);
  const Packed parts = unpacked(dqkv, mine);
  AttentionGradients inner{parts.q, parts.k, parts.v};
  const AttentionWork work = inner_->backward(exchanged(call, state.qkv_BSEQ), dout, state.out_BSHQ, state, inner);

  exchange_pieces(
      group_, {b, t, width, wire}, own_query_heads, [&](int rank, const at::Tensor& piece) { collect_rows(piece, parts.q, rows_of(rank)); },
      query_heads,
      [&](int rank, const at::Tensor& piece) {
        const HeadRange of = heads(call, rank);
        heads_at(result.dq_BTHQ, of.first_query, of.num_query).copy_(piece);
      },
      call.scratch);

  result.dk_BSKQ.zero_();
  result.dv_BSKQ.zero_();
  exchange_pieces(
      group_, {b, t, width, exact}, by_rank(group_.size(), [&](int) { return 2 * mine.num_kv; }),
      [&](int rank, const at::Tensor& piece) { collect_rows(piece, heads_at(dqkv, mine.num_query, 2 * mine.num_kv), rows_of(rank)); },
      by_rank(group_.size(), [&](int rank) { return 2 * heads(call, rank).num_kv; }),
      [&](int rank, const at::Tensor& piece) {
        const HeadRange of = heads(call, rank);
        heads_at(result.dk_BSKQ, of.first_kv, of.num_kv).add_(heads_at(piece, 0, of.num_kv));
        heads_at(result.dv_BSKQ, of.first_kv, of.num_kv).add_(heads_at(piece, of.num_kv, of.num_kv));
      },
      call.scratch);
  return work;
}

}  // namespace ergon
