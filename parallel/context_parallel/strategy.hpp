// SPDX-License-Identifier: Apache-2.0
// One way to compute the attention of a layer when each context rank holds a part of the sequence: which blocks it computes with the
// LocalAttention of the run, and what it sends for that. Every strategy gives what one rank would, forward and backward, for any layout,
// mask, grouping of heads and dropout.
//
// Dims: B batch, T positions of this rank, S of the whole sequence, H query heads, K key/value heads (of this tensor rank), Q head width.
//
// Invariants:
// - Results are in the accumulator type, and so are all partial results that are merged or summed: the error does not grow with the ranks.
// - The collectives of one call and their order depend on sizes only, and are the same on all ranks of the group: samples of different
//   rules share them, and are apart only where a kernel is called.
// - Memory comes from the call: `keep` until backward has read it, `scratch` until the call returns.
// - Not to be called from two threads at once: a strategy keeps the plans of the masks last used.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "parallel/communicator.hpp"
#include "parallel/local_attention.hpp"
#include "parallel/plan/context_blocks.hpp"
#include "parallel/plan/head_exchange.hpp"
#include "parallel/tensor_memory.hpp"

namespace ergon {

// What computes: blocks, and once for all blocks of a query the delta of AttentionUpstream (contiguous tensors; dout in the type of q, the
// others in the accumulator type). The kernel outlives whoever is given this.
struct AttentionKernel {
  const LocalAttention& blocks;
  void (*delta)(const at::Tensor& delta_BHT, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ);
};

struct AttentionCall {
  at::Tensor q_BTHQ, k_BTKQ, v_BTKQ;     // rows of this rank, in the order of its layout; strides are free but the last dim is contiguous
  std::span<const AttentionRule> rules;  // one for all samples, or one each
  AttentionDropout dropout;              // first_head: of query head 0 of q
  double scale;                          // of the scores
  TensorMemory& keep;
  TensorMemory& scratch;
  std::vector<HeadRange> heads = {};  // parts in which every key head serves equally many query heads; empty: the whole is one
};

// What forward leaves for backward beside its output, in `keep`. Which fields are used, and in whose rows and heads, is the strategy's.
struct AttentionState {
  at::Tensor lse_BHT;
  at::Tensor last_kv;             // ring: the block that arrived last
  at::Tensor qkv_BSEQ, out_BSHQ;  // head exchange: after it
};

class AttentionStrategy {
 public:
  virtual ~AttentionStrategy() = default;
  virtual const char* name() const = 0;
  // Writes out_BTHQ (accumulator type), over what it holds.
  virtual AttentionWork forward(const AttentionCall& call, const at::Tensor& out_BTHQ, AttentionState& state) = 0;
  // out: what forward wrote. dout: in the type of q. Writes result.
  virtual AttentionWork backward(const AttentionCall& call, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ,
                                 const AttentionState& state, AttentionGradients& result) = 0;
};

// The groups that a strategy talks in. `ring` and `exchange` cut cp into ring() x exchanging() ranks; equal to `cp` where one of them is 1.
struct ContextGroups {
  Communicator& cp;
  Communicator& ring;
  Communicator& exchange;
};

// The strategy of a run; the groups must outlive it. One context rank: the kernel on the whole sequence, whatever `sharding` names.
std::unique_ptr<AttentionStrategy> make_attention_strategy(const ContextSharding& sharding, std::int64_t gather_heads,
                                                           const AttentionKernel& kernel, const ContextGroups& groups);

}  // namespace ergon
