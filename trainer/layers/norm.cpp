// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/norm.hpp"

#include "trainer/kernels/norm.hpp"

namespace ergon {

void NormLayer::forward(const at::Tensor& y_ND, const at::Tensor& x_ND, NormSaved& saved, const LayerCall& call) const {
  saved.x_ND = x_ND;
  saved.rstd_N = call.keep_accumulator({x_ND.size(0)});
  if (kind_ == Norm::layernorm) saved.mean_N = call.keep_accumulator({x_ND.size(0)});
  rebuild(y_ND, saved, call);
}

void NormLayer::rebuild(const at::Tensor& y_ND, const NormSaved& saved, const LayerCall& call) const {
  const at::Tensor weight = call.store.weight(ids_.weight);
  if (kind_ == Norm::rmsnorm) {
    rmsnorm_forward(y_ND, saved.rstd_N, saved.x_ND, weight, epsilon_);
    return;
  }
  const at::Tensor bias = ids_.bias == no_parameter ? at::Tensor() : call.store.weight(ids_.bias);
  layernorm_forward(y_ND, saved.mean_N, saved.rstd_N, saved.x_ND, weight, bias, epsilon_);
}

void NormLayer::backward_input(const at::Tensor& dx_ND, const at::Tensor& dy_ND, NormSaved& saved, const LayerCall& call,
                               Write dx_write) const {
  const at::Tensor weight = call.store.weight(ids_.weight);
  saved.dy_ND = dy_ND;
  if (kind_ == Norm::rmsnorm) {
    rmsnorm_backward_input(dx_ND, dy_ND, saved.x_ND, saved.rstd_N, weight, dx_write);
  } else {
    layernorm_backward_input(dx_ND, dy_ND, saved.x_ND, saved.mean_N, saved.rstd_N, weight, dx_write);
  }
}

void NormLayer::backward_weight(const NormSaved& saved, const LayerCall& call, Write write) const {
  const at::Tensor dweight = call.store.gradient(ids_.weight);
  if (kind_ == Norm::rmsnorm) {
    rmsnorm_backward_weight(dweight, saved.dy_ND, saved.x_ND, saved.rstd_N, write);
    return;
  }
  const at::Tensor dbias = ids_.bias == no_parameter ? at::Tensor() : call.store.gradient(ids_.bias);
  layernorm_backward_weight(dweight, dbias, saved.dy_ND, saved.x_ND, saved.mean_N, saved.rstd_N, write);
}

}  // namespace ergon
