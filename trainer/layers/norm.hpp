// SPDX-License-Identifier: Apache-2.0
// LayerNorm or RMSNorm over the model width D, as the shape says. Weights are replicated over tp; x and dy are equal on all tensor ranks,
// hence so are the gradients: no sum. N rows (B x T).
#pragma once

#include "configs/model_shape.hpp"
#include "trainer/layers/ids.hpp"
#include "trainer/layers/step_context.hpp"

namespace ergon {

struct NormSaved {
  at::Tensor x_ND;    // a view of the caller's tensor
  at::Tensor mean_N;  // layernorm only
  at::Tensor rstd_N;
  at::Tensor dy_ND;  // a view, from backward_input to backward_weight
};

class NormLayer {
 public:
  NormLayer(const ModelShape& shape, NormIds ids) : kind_(shape.norm), epsilon_(shape.norm_epsilon), ids_(ids) {}

  void forward(const at::Tensor& y_ND, const at::Tensor& x_ND, NormSaved& saved, const LayerCall& call) const;
  // y of that forward once more, from the x that it kept.
  void rebuild(const at::Tensor& y_ND, const NormSaved& saved, const LayerCall& call) const;
  // Write::accumulate adds to dx: the gradient of the residual stream beside the norm.
  void backward_input(const at::Tensor& dx_ND, const at::Tensor& dy_ND, NormSaved& saved, const LayerCall& call, Write dx_write) const;
  void backward_weight(const NormSaved& saved, const LayerCall& call, Write write) const;

 private:
  Norm kind_;
  double epsilon_;
  NormIds ids_;
};

}  // namespace ergon
