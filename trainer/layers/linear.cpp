// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/linear.hpp"

#include "trainer/kernels/activation.hpp"

namespace ergon {

at::Tensor Linear::bias_O(const ParameterStore& store) const {
  return ids_.bias_first == no_parameter ? at::Tensor() : store.packed_weight(ids_.bias_first, ids_.bias_last);
}

void Linear::backward_weight(const at::Tensor& x_NI, const at::Tensor& dy_NO, const LayerCall& call, Write write) const {
  call.step.gemm(call.store.packed_gradient(ids_.weight_first, ids_.weight_last), dy_NO, Transpose::yes, x_NI, Transpose::no, write);
  if (ids_.bias_first != no_parameter) column_sum(call.store.packed_gradient(ids_.bias_first, ids_.bias_last), dy_NO, write);
}

void Linear::product(const at::Tensor& y_NO, const at::Tensor& x_NI, const LayerCall& call) const {
  call.step.gemm(y_NO, x_NI, Transpose::no, weight_OI(call.store), Transpose::yes);
}

void Linear::product_backward(const at::Tensor& dx_NI, const at::Tensor& dy_NO, const LayerCall& call) const {
  call.step.gemm(dx_NI, dy_NO, Transpose::no, weight_OI(call.store), Transpose::no);
}

Work ColumnLinear::backward_input(const at::Tensor& dx_NI, const at::Tensor& dy_NO, const LayerCall& call) const {
  product_backward(dx_NI, dy_NO, call);
  return sum_over_tp(call, dx_NI);
}

Work RowLinear::forward(const at::Tensor& y_NO, const at::Tensor& x_NI, const LayerCall& call) const {
  product(y_NO, x_NI, call);
  return sum_over_tp(call, y_NO);
}

}  // namespace ergon
