// SPDX-License-Identifier: Apache-2.0
// What sharded attention needs from a kernel: one block of queries against one block of keys, forward with log-sum-exp, and backward given the GLOBAL output
// and log-sum-exp. Declared here, implemented in trainer/attention (plain, tiled, ATen).
//
// Dims: B batch, T query positions, S key positions, H query heads, K key/value heads (K divides H; head h uses key head h / (H/K)), Q head width.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "parallel/plan/block_mask.hpp"

namespace ergon {

// Attention dropout: element (sample, head, query, key) of step `step`, layer `layer` is a pure function of global indices (SPEC of random numbers in trainer/kernels/philox.hpp).
struct AttentionDropout {
  double p = 0.0;
  std::int64_t seed = 0, step = 0, layer = 0;
  std::int64_t first_sample = 0;   // global index within the step of sample 0 of the block
  std::int64_t first_head = 0;     // global index of query head 0 of the block
  std::int64_t num_heads = 0;      // H of the whole model
  std::int64_t sequence = 0;       // T of the whole sequence
};

// What a kernel did, counted where it loops over tiles. Pairs are (query, key) pairs summed over samples and query heads; a matmul is one product with the
// head width: forward does 2 a pair, plain backward 4, flash backward 5 (it recomputes the scores).
struct AttentionWork {
  std::int64_t pairs_visible = 0;
  std::int64_t pairs_computed = 0;
  int matmuls = 0;
  bool declared = false;  // true: an opaque kernel, pairs_computed from its block sizes
};

struct AttentionOutput {
  at::Tensor out_BTHQ;  // accumulator type
  at::Tensor lse_BHT;   // natural log of the sum of exp(scale * scores); -inf where no key is visible (then out is 0)
};

struct AttentionGradients {
  at::Tensor dq_BTHQ, dk_BSKQ, dv_BSKQ;  // accumulator type
};

class LocalAttention {
 public:
  virtual ~LocalAttention() = default;
  virtual const char* name() const = 0;
  virtual AttentionTiles tiles() const = 0;  // the rule by which accounting predicts pairs_computed
  // Results are written into tensors the caller made; strides of q, k, v are free but the last dim is contiguous.
  virtual AttentionWork forward(const at::Tensor& q_BTHQ, const at::Tensor& k_BSKQ, const at::Tensor& v_BSKQ, const BlockMask& mask,
                                const AttentionDropout& dropout, double scale, AttentionOutput& result) const = 0;
  // delta_BHT = rowsum(dout * out) over the GLOBAL out; lse is the GLOBAL one. Overwrites dq, dk, dv.
  virtual AttentionWork backward(const at::Tensor& dout_BTHQ, const at::Tensor& q_BTHQ, const at::Tensor& k_BSKQ, const at::Tensor& v_BSKQ,
                                 const at::Tensor& out_BTHQ, const at::Tensor& lse_BHT, const at::Tensor& delta_BHT, const BlockMask& mask,
                                 const AttentionDropout& dropout, double scale, AttentionGradients& result) const = 0;
};

}  // namespace ergon
