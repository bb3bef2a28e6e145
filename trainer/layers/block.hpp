// SPDX-License-Identifier: Apache-2.0
// A pre-norm residual block:
//
//   middle = x + dropout(attention(norm(x)) + bo);   y = middle + dropout(mlp(norm(middle)) + bd)
//
// Under `selective` and `core` (LayerCall::recompute) backward_input first rebuilds what a half did not keep: outputs of norms, activation,
// and for `core` the output of the attention core.
//
// The gradient of the residual stream is one tensor that backward changes in place, from dy to dx.
#pragma once

#include "trainer/layers/attention.hpp"
#include "trainer/layers/mlp.hpp"
#include "trainer/layers/norm.hpp"

namespace ergon {

struct BlockSaved {
  NormSaved attention_norm;
  AttentionSaved attention;
  at::Tensor middle_ND;
  NormSaved mlp_norm;
  MlpSaved mlp;
};

class BlockLayer {
 public:
  // layer: from 0.
  BlockLayer(const ModelShape& shape, int tp, int tp_rank, int layer, const RotaryTable* rotary, const BlockIds& ids);

  // x must stay as it is until backward_weight.
  void forward(const at::Tensor& y_ND, const at::Tensor& x_ND, BlockSaved& saved, const LayerCall& call) const;
  // The two halves, and both at once with each sum over tp beside the weight gradients of its branch. The halves need call.keep to last
  // from one to the other.
  void backward_input(const at::Tensor& d_ND, BlockSaved& saved, const LayerCall& call) const;
  void backward_weight(const BlockSaved& saved, const LayerCall& call, Write write) const;
  void backward(const at::Tensor& d_ND, BlockSaved& saved, const LayerCall& call, Write write) const;

 private:
  // meanwhile(): what is computed beside the sum of dx over tp.
  template <class Meanwhile>
  void mlp_backward_input(const at::Tensor& d_ND, BlockSaved& saved, const LayerCall& call, const Meanwhile& meanwhile) const;
  template <class Meanwhile>
  void attention_backward_input(const at::Tensor& d_ND, BlockSaved& saved, const LayerCall& call, const Meanwhile& meanwhile) const;
  static at::Tensor rebuilt_input(const NormLayer& norm, const NormSaved& saved, const LayerCall& call);
  void residual_sum(const at::Tensor& y_ND, const at::Tensor& x_ND, const at::Tensor& branch_ND, const at::Tensor& bias_D, DropoutSite site,
                    const LayerCall& call) const;
  at::Tensor branch_gradient(const at::Tensor& d_ND, DropoutSite site, const LayerCall& call) const;

  ModelShape shape_;
  int layer_;
  NormLayer attention_norm_, mlp_norm_;
  AttentionLayer attention_;
  MlpLayer mlp_;
};

}  // namespace ergon
