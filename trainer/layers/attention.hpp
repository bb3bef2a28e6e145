// SPDX-License-Identifier: Apache-2.0
// The attention half of a block: query, key and value as one column-parallel product, rotary positions, the attention core by the
// strategy of the step, output projection row-parallel. Each tensor rank owns whole heads; with K < tp adjacent ranks hold the same
// key/value head.
//
//   [q k v][N, E] = x Wqkv^T + bqkv;  out[N, C] = core(rotate(q), rotate(k), v);  y[N, D] = sum over tp out Wo^T
//
// The bias of `output` is added by the caller (output_bias), after the sum over tp. Gradients of replicated key/value heads are summed over
// kv_replicas here, each microbatch for itself, so that a gradient in the store is always whole over tp.
//
// Letters: H, K heads of this rank; E = (H + 2 K) Q; C = H Q.
#pragma once

#include "configs/model_shape.hpp"
#include "parallel/plan/head_partition.hpp"
#include "trainer/kernels/rotary.hpp"
#include "trainer/layers/linear.hpp"

namespace ergon {

struct AttentionSaved {
  at::Tensor x_ND;       // a view of the caller's tensor: this rank's rows
  at::Tensor qkv_NE;     // q and k after rotation
  at::Tensor out_NC;     // accumulator type; rounded again where it is multiplied
  AttentionState core;   // out and this are rebuilt under `core`
  at::Tensor dy_ND;      // of all rows, from backward_input to backward_weight
  at::Tensor own_dy_ND;  // the caller's: of this rank's rows
  at::Tensor dqkv_NE;
};

class AttentionLayer {
 public:
  // layer: from 0, part of the dropout counter. rotary: null without rotary positions; must outlive this.
  AttentionLayer(const ModelShape& shape, int tp, int tp_rank, int layer, const RotaryTable* rotary, AttentionIds ids);

  // y is complete once the Work is.
  [[nodiscard]] Work forward(const at::Tensor& y_ND, const at::Tensor& x_ND, AttentionSaved& saved, const LayerCall& call) const;
  // Before backward_input: x, which the caller has rebuilt, and under `core` out and lse, by the core's forward.
  void rebuild(const at::Tensor& x_ND, AttentionSaved& saved, const LayerCall& call) const;
  // dx is complete once the Work is; dy must stay as it is until backward_weight.
  [[nodiscard]] Work backward_input(const at::Tensor& dx_ND, const at::Tensor& dy_ND, AttentionSaved& saved, const LayerCall& call) const;
  void backward_weight(const AttentionSaved& saved, const LayerCall& call, Write write) const;
  // Both, the weight gradients beside the sum of dx over tp.
  void backward(const at::Tensor& dx_ND, const at::Tensor& dy_ND, AttentionSaved& saved, const LayerCall& call, Write write) const;

  at::Tensor output_bias(const ParameterStore& store) const { return output_.bias_O(store); }

 private:
  // Views [B, T, heads, Q] of packed rows.
  struct Heads {
    at::Tensor q_BTHQ, k_BTKQ, v_BTKQ;
  };
  Heads heads_of(const at::Tensor& qkv_NE, const LayerCall& call) const;
  AttentionDropout dropout(const LayerCall& call) const;
  AttentionCall core(const Heads& heads, const LayerCall& call, TensorMemory& keep) const;
  void compute_core(AttentionSaved& saved, const LayerCall& call, TensorMemory& keep) const;
  static at::Tensor exact(const at::Tensor& kept, const LayerCall& call);
  static at::Tensor rounded(const at::Tensor& exact, const LayerCall& call);
  void backward_weight_replicated(const at::Tensor& x_ND, const AttentionSaved& saved, const LayerCall& call, Write write) const;

  ModelShape shape_;
  AttentionRule rule_;
  HeadPartition heads_;
  int layer_;
  const RotaryTable* rotary_;
  ColumnLinear qkv_;
  RowLinear output_;
};

}  // namespace ergon
