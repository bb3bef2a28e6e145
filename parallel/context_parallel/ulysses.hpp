// SPDX-License-Identifier: Apache-2.0
// Heads for positions and back (Ulysses): before attention each rank gives away the heads that others compute and gets the rows of all
// ranks for its own; afterwards the other way round. Between the two an inner strategy computes attention over the group's rows: the kernel
// alone when the group holds the whole sequence, a ring for the hybrid.
//
// Per call, each to every rank of the group: forward q k v in one message, then out; backward dout, then dq, all in the type of q; dk and
// dv in one message, in the accumulator type. Rank j computes query heads [floor(jH/P), floor((j+1)H/P)) and receives exactly the
// key/value heads that these use, so a key head may go to several ranks; their gradients of it are summed where it came from.
//
// One softmax a query: nothing is merged here. q, k, v and the output after the exchange are kept for backward.
#pragma once

#include "parallel/context_parallel/strategy.hpp"

namespace ergon {

class UlyssesAttention final : public AttentionStrategy {
 public:
  // `context_rank`: of this rank among all context ranks; `group`: the exchanging() adjacent ones that it belongs to, which must outlive
  // this.
  UlyssesAttention(const ContextSharding& sharding, int context_rank, Communicator& group, std::unique_ptr<AttentionStrategy> inner);

  const char* name() const override { return "ulysses"; }
  AttentionWork forward(const AttentionCall& call, const at::Tensor& out_BTHQ, AttentionState& state) override;
  AttentionWork backward(const AttentionCall& call, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ, const AttentionState& state,
                         AttentionGradients& result) override;

 private:
  // How many heads go to, or come from, each rank of the group.
  using HeadCounts = std::vector<std::int64_t>;
  // Who computes which of `query` heads over `key` heads, and what that makes of each message.
  struct HeadPlan {
    std::int64_t query = 0, key = 0;
    std::vector<HeadRange> ranges;                        // by rank of the group
    std::vector<HeadRange> own_parts;                     // this rank's, regular_heads; empty: one
    HeadCounts packed, own_packed, queries, own_queries;  // packed: queries, keys and values
    HeadCounts pairs, own_pairs;                          // keys and values
  };
  const GatheredRows& rows(const AttentionCall& call);
  const HeadPlan& heads(const AttentionCall& call);
  // The same attention with the rows of the group and the heads of this rank.
  AttentionCall exchanged(const AttentionCall& call, const at::Tensor& qkv_BSEQ);

  ContextSharding sharding_;
  int context_rank_;
  Communicator& group_;
  std::unique_ptr<AttentionStrategy> inner_;
  GatheredRows rows_;          // of the length before
  std::int64_t sequence_ = 0;  // that length
  HeadPlan heads_;             // of the call before
};

}  // namespace ergon
