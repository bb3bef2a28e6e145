// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/mlp.hpp"

#include "trainer/kernels/activation.hpp"
#include "trainer/layers/stream.hpp"

namespace ergon {

Work MlpLayer::forward(const at::Tensor& y_ND, const at::Tensor& x_ND, MlpSaved& saved, const LayerCall& call) const {
  const std::int64_t n = call.rows(), g = up_.weight_OI(call.store).size(0);
  saved.x_ND = x_ND;
  saved.up_NG = call.keep_tensor({n, g});
  const Arena::Frame frame(call.step.scratch);
  saved.active_NF = call.rebuilt_tensor({n, kind_ == Mlp::swiglu ? g / 2 : g}, Recompute::selective);
  up_.forward(saved.up_NG, all_rows(call, call.step.scratch, x_ND), call);
  activate(saved, call);
  return down_.forward(y_ND, saved.active_NF, call);
}

void MlpLayer::rebuild(const at::Tensor& x_ND, MlpSaved& saved, const LayerCall& call) const {
  saved.x_ND = x_ND;
  saved.active_NF = call.keep_tensor(saved.active_NF.sizes());
  activate(saved, call);
}

void MlpLayer::activate(const MlpSaved& saved, const LayerCall& call) const {
  const at::Tensor bias = up_.bias_O(call.store);
  if (kind_ == Mlp::swiglu) {
    swiglu_forward(saved.active_NF, saved.up_NG, bias);
  } else {
    gelu_forward(saved.active_NF, saved.up_NG, bias);
  }
}

Work MlpLayer::backward_input(const at::Tensor& dx_ND, const at::Tensor& dy_ND, MlpSaved& saved, const LayerCall& call) const {
  const at::Tensor bias = up_.bias_O(call.store);
  saved.own_dy_ND = dy_ND;
  saved.dy_ND = all_rows(call, call.keep, dy_ND);
  if (kind_ == Mlp::swiglu) {
    const Arena::Frame frame(call.step.scratch);
    const at::Tensor dactive_NF = call.scratch_tensor(saved.active_NF.sizes());
    down_.backward_input(dactive_NF, saved.dy_ND, call);
    saved.dup_NG = saved.up_NG;
    swiglu_backward(saved.dup_NG, dactive_NF, saved.up_NG, bias);
  } else {
    saved.dup_NG = call.keep_tensor(saved.up_NG.sizes());
    down_.backward_input(saved.dup_NG, saved.dy_ND, call);
    gelu_backward(saved.dup_NG, saved.dup_NG, saved.up_NG, bias);
  }
  return up_.backward_input(dx_ND, saved.dup_NG, call);
}

void MlpLayer::backward_weight(const MlpSaved& saved, const LayerCall& call, Write write) const {
  const Arena::Frame frame(call.step.scratch);
  up_.backward_weight(all_rows(call, call.step.scratch, saved.x_ND), saved.dup_NG, call, write);
  down_.backward_weight(saved.active_NF, saved.dy_ND, saved.own_dy_ND, call, write);
}

void MlpLayer::backward(const at::Tensor& dx_ND, const at::Tensor& dy_ND, MlpSaved& saved, const LayerCall& call, Write write) const {
  Work sum = backward_input(dx_ND, dy_ND, saved, call);
  backward_weight(saved, call, write);
  sum.wait();
}

}  // namespace ergon
