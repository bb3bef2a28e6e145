// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/linear.hpp"

#include "trainer/kernels/activation.hpp"
#include "trainer/layers/stream.hpp"

namespace ergon {

at::Tensor Linear::bias_O(const ParameterStore& store) const {
  return ids_.bias_first == no_parameter ? at::Tensor() : store.packed_weight(ids_.bias_first, ids_.bias_last);
}

void Linear::weight_gradient(const at::Tensor& x_NI, const at::Tensor& dy_NO, const LayerCall& call, Write write) const {
  call.step.gemm(call.store.packed_gradient(ids_.weight_first, ids_.weight_last), dy_NO, Transpose::yes, x_NI, Transpose::no, write);
}

void Linear::bias_gradient(const at::Tensor& dy_NO, const LayerCall& call, Write write) const {
  if (ids_.bias_first != no_parameter) column_sum(call.store.packed_gradient(ids_.bias_first, ids_.bias_last), dy_NO, write);
}

void Linear::product(const at::Tensor& y_NO, const at::Tensor& x_NI, const LayerCall& call) const {
  call.step.gemm(y_NO, x_NI, Transpose::no, weight_OI(call.store), Transpose::yes);
}

void Linear::product_backward(const at::Tensor& dx_NI, const at::Tensor& dy_NO, const LayerCall& call) const {
  call.step.gemm(dx_NI, dy_NO, Transpose::no, weight_OI(call.store), Transpose::no);
}

void ColumnLinear::backward_weight(const at::Tensor& x_NI, const at::Tensor& dy_NO, const LayerCall& call, Write write) const {
  weight_gradient(x_NI, dy_NO, call, write);
  bias_gradient(dy_NO, call, write);
}

Work ColumnLinear::backward_input(const at::Tensor& dx_RI, const at::Tensor& dy_NO, const LayerCall& call) const {
  const at::Tensor partial_NI = partial_rows(call, call.keep, dx_RI);
  product_backward(partial_NI, dy_NO, call);
  return sum_rows(call, dx_RI, partial_NI);
}

Work RowLinear::forward(const at::Tensor& y_RO, const at::Tensor& x_NI, const LayerCall& call) const {
  const at::Tensor partial_NO = partial_rows(call, call.step.scratch, y_RO);
  product(partial_NO, x_NI, call);
  return sum_rows(call, y_RO, partial_NO);
}

void RowLinear::backward_weight(const at::Tensor& x_NI, const at::Tensor& dy_NO, const at::Tensor& dy_RO, const LayerCall& call,
                                Write write) const {
  weight_gradient(x_NI, dy_NO, call, write);
  bias_gradient(dy_RO, call, write);
}

}  // namespace ergon
