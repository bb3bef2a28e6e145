// SPDX-License-Identifier: Apache-2.0
// The two linear layers of tensor parallelism, y = x W^T, W [out, in]:
//
//   column-parallel   y[N, O_tp] = x[N, I] W[O_tp, I]^T        backward_input sums dx over tp
//   row-parallel      y[N, O] = sum over tp x[N, I_tp] W[O, I_tp]^T   forward sums y over tp
//
// Under sequence parallelism the sum leaves each rank its rows (trainer/layers/stream.hpp): dx and y are [R, ...] then; x, dy and y of the
// other side always have all N rows.
//
// Biases are not added here: the kernel that reads y next does it in the same pass (activation, dropout and residual sum), through bias().
// Their gradient is made here. A sum over tp is returned as Work, so that the caller puts a weight-gradient GEMM between its start and its
// wait.
//
// Letters: N rows (B x T), R rows that this rank has of the residual stream, I inputs, O outputs of this rank.
#pragma once

#include "trainer/layers/ids.hpp"
#include "trainer/layers/step_context.hpp"

namespace ergon {

class Linear {
 public:
  explicit Linear(LinearIds ids) : ids_(ids) {}

  const LinearIds& ids() const { return ids_; }
  at::Tensor weight_OI(const ParameterStore& store) const { return store.packed_weight(ids_.weight_first, ids_.weight_last); }
  at::Tensor bias_O(const ParameterStore& store) const;  // undefined: none

 protected:
  void weight_gradient(const at::Tensor& x_NI, const at::Tensor& dy_NO, const LayerCall& call, Write write) const;
  void bias_gradient(const at::Tensor& dy_NO, const LayerCall& call, Write write) const;
  void product(const at::Tensor& y_NO, const at::Tensor& x_NI, const LayerCall& call) const;
  void product_backward(const at::Tensor& dx_NI, const at::Tensor& dy_NO, const LayerCall& call) const;

 private:
  LinearIds ids_;
};

class ColumnLinear : public Linear {
 public:
  using Linear::Linear;
  void forward(const at::Tensor& y_NO, const at::Tensor& x_NI, const LayerCall& call) const { product(y_NO, x_NI, call); }
  // dW (+)= dy^T x and db (+)= column sums of dy, for all packed parameters.
  void backward_weight(const at::Tensor& x_NI, const at::Tensor& dy_NO, const LayerCall& call, Write write) const;
  // dx is complete once the Work is; until then call.keep holds what it is made of.
  [[nodiscard]] Work backward_input(const at::Tensor& dx_RI, const at::Tensor& dy_NO, const LayerCall& call) const;
};

class RowLinear : public Linear {
 public:
  using Linear::Linear;
  // y, without the bias, is complete once the Work is; until then nothing else may be taken from call.step.scratch.
  [[nodiscard]] Work forward(const at::Tensor& y_RO, const at::Tensor& x_NI, const LayerCall& call) const;
  void backward_input(const at::Tensor& dx_NI, const at::Tensor& dy_NO, const LayerCall& call) const {
    product_backward(dx_NI, dy_NO, call);
  }
  // dy with all rows for the weight, this rank's rows of it for the bias: its gradient is then partial over tp.
  void backward_weight(const at::Tensor& x_NI, const at::Tensor& dy_NO, const at::Tensor& dy_RO, const LayerCall& call, Write write) const;
};

}  // namespace ergon
