// SPDX-License-Identifier: Apache-2.0
// What sharded attention needs from a kernel: one block of queries against one block of keys, forward with log-sum-exp, and backward given
// the GLOBAL output and log-sum-exp. Declared here, implemented in trainer/attention (plain, tiled, ATen).
//
// Dims: B batch, T query positions, S key positions, H query heads, K key/value heads (K divides H; head h uses key head h / (H/K)), Q head
// width.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "parallel/plan/block_mask.hpp"

namespace ergon {

// Attention dropout: element (sample, head, query, key) of step `step`, layer `layer` is a pure function of global indices (SPEC of random
// numbers in trainer/kernels/philox.hpp).
struct AttentionDropout {
  double p = 0.0;
  std::int64_t seed = 0, step = 0, layer = 0;
  std::int64_t first_sample = 0;  // global index within the step of sample 0 of the block
  std::int64_t first_head = 0;    // global index of query head 0 of the block
  std::int64_t num_heads = 0;     // H of the whole model
  std::int64_t sequence = 0;      // T of the whole sequence
};

// What a kernel did, counted where it loops over tiles. Pairs are (query, key) pairs summed over samples and query heads; a matmul is one
// product with the head width: forward does 2 a pair, plain backward 4, flash backward 5 (it recomputes the scores).
struct AttentionWork {
  std::int64_t pairs_visible = 0;
  std::int64_t pairs_computed = 0;
  int matmuls = 0;
  bool declared = false;  // true: an opaque kernel, pairs_computed from its block sizes
};

// Queries against keys. Strides of q, k, v are free but the last dim is contiguous.
struct AttentionBlock {
  at::Tensor q_BTHQ, k_BSKQ, v_BSKQ;  // float, double or bfloat16
  const BlockMask& mask;              // outlives the call
  AttentionDropout dropout;
  double scale;  // of the scores
};

struct AttentionOutput {
  at::Tensor out_BTHQ;  // accumulator type
  at::Tensor lse_BHT;   // natural log of the sum of exp(scale * scores); -inf where no key is visible (then out is 0)
};

// What backward is given of the whole attention that the block is a part of. out, lse and delta in the accumulator type.
struct AttentionUpstream {
  at::Tensor dout_BTHQ;
  at::Tensor out_BTHQ, lse_BHT;  // over ALL keys, not this block's
  at::Tensor delta_BHT;          // sum over Q of dout * out
};

struct AttentionGradients {
  at::Tensor dq_BTHQ, dk_BSKQ, dv_BSKQ;  // accumulator type
};

class LocalAttention {
 public:
  virtual ~LocalAttention() = default;
  virtual const char* name() const = 0;
  virtual AttentionTiles tiles() const = 0;  // the rule by which accounting predicts pairs_computed
  // Results are written into tensors the caller made, over what they hold.
  virtual AttentionWork forward(const AttentionBlock& block, AttentionOutput& result) const = 0;
  virtual AttentionWork backward(const AttentionBlock& block, const AttentionUpstream& upstream, AttentionGradients& result) const = 0;
};

}  // namespace ergon
