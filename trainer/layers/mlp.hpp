// SPDX-License-Identifier: Apache-2.0
// The feed-forward half of a block: up (and gate) column-parallel, activation with the bias fused in, down row-parallel.
//
//   gelu:    y = gelu(x Wu^T + bu) Wd^T        swiglu:  y = (silu(x Wg^T + bg) * (x Wu^T + bu)) Wd^T
//
// The bias of `down` is added by the caller (output_bias), after the sum over tp. G = F of this rank (gelu) or 2 F: gate columns, then up
// columns (swiglu).
#pragma once

#include "configs/model_shape.hpp"
#include "trainer/layers/linear.hpp"

namespace ergon {

struct MlpSaved {
  at::Tensor x_ND;       // a view of the caller's tensor: this rank's rows
  at::Tensor up_NG;      // before bias and activation; swiglu: backward_input turns it into its gradient
  at::Tensor active_NF;  // rebuilt under `selective`
  at::Tensor dy_ND;      // of all rows, from backward_input to backward_weight
  at::Tensor own_dy_ND;  // the caller's: of this rank's rows
  at::Tensor dup_NG;
};

class MlpLayer {
 public:
  MlpLayer(const ModelShape& shape, MlpIds ids) : kind_(shape.mlp), up_(ids.up), down_(ids.down) {}

  // y is complete once the Work is.
  [[nodiscard]] Work forward(const at::Tensor& y_ND, const at::Tensor& x_ND, MlpSaved& saved, const LayerCall& call) const;
  // Under `selective`, before backward_input: the activation, and x, which the caller has rebuilt.
  void rebuild(const at::Tensor& x_ND, MlpSaved& saved, const LayerCall& call) const;
  // dx is complete once the Work is; dy must stay as it is until backward_weight.
  [[nodiscard]] Work backward_input(const at::Tensor& dx_ND, const at::Tensor& dy_ND, MlpSaved& saved, const LayerCall& call) const;
  void backward_weight(const MlpSaved& saved, const LayerCall& call, Write write) const;
  // Both, the weight gradients beside the sum of dx over tp.
  void backward(const at::Tensor& dx_ND, const at::Tensor& dy_ND, MlpSaved& saved, const LayerCall& call, Write write) const;

  at::Tensor output_bias(const ParameterStore& store) const { return down_.bias_O(store); }

 private:
  void activate(const MlpSaved& saved, const LayerCall& call) const;

  Mlp kind_;
  ColumnLinear up_;
  RowLinear down_;
};

}  // namespace ergon
