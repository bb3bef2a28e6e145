// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/block.hpp"

#include "trainer/kernels/pointwise.hpp"

namespace ergon {

BlockLayer::BlockLayer(const ModelShape& shape, int tp, int tp_rank, int layer, const RotaryTable* rotary, const BlockIds& ids)
    : shape_(shape),
      layer_(layer),
      attention_norm_(shape, ids.attention_norm),
      mlp_norm_(shape, ids.mlp_norm),
      attention_(shape, tp, tp_rank, layer, rotary, ids.attention),
      mlp_(shape, ids.mlp) {}

void BlockLayer::forward(const at::Tensor& y_ND, const at::Tensor& x_ND, BlockSaved& saved, const LayerCall& call) const {
  const at::Tensor attention_in_ND = call.keep_tensor(x_ND.sizes());
  saved.middle_ND = call.keep_tensor(x_ND.sizes());
  const at::Tensor mlp_in_ND = call.keep_tensor(x_ND.sizes());
  const Arena::Frame frame(call.step.scratch);
  const at::Tensor branch_ND = call.scratch_tensor(x_ND.sizes());

  attention_norm_.forward(attention_in_ND, x_ND, saved.attention_norm, call);
  attention_.forward(branch_ND, attention_in_ND, saved.attention, call).wait();
  residual_sum(saved.middle_ND, x_ND, branch_ND, attention_.output_bias(call.store), DropoutSite::residual_attention, call);

  mlp_norm_.forward(mlp_in_ND, saved.middle_ND, saved.mlp_norm, call);
  mlp_.forward(branch_ND, mlp_in_ND, saved.mlp, call).wait();
  residual_sum(y_ND, saved.middle_ND, branch_ND, mlp_.output_bias(call.store), DropoutSite::residual_mlp, call);
}

void BlockLayer::backward_input(const at::Tensor& d_ND, BlockSaved& saved, const LayerCall& call) const {
  mlp_backward_input(d_ND, saved, call, [] {});
  attention_backward_input(d_ND, saved, call, [] {});
}

void BlockLayer::backward_weight(const BlockSaved& saved, const LayerCall& call, Write write) const {
  mlp_.backward_weight(saved.mlp, call, write);
  mlp_norm_.backward_weight(saved.mlp_norm, call, write);
  attention_.backward_weight(saved.attention, call, write);
  attention_norm_.backward_weight(saved.attention_norm, call, write);
}

void BlockLayer::backward(const at::Tensor& d_ND, BlockSaved& saved, const LayerCall& call, Write write) const {
  mlp_backward_input(d_ND, saved, call, [&] { mlp_.backward_weight(saved.mlp, call, write); });
  mlp_norm_.backward_weight(saved.mlp_norm, call, write);
  attention_backward_input(d_ND, saved, call, [&] { attention_.backward_weight(saved.attention, call, write); });
  attention_norm_.backward_weight(saved.attention_norm, call, write);
}

template <class Meanwhile>
void BlockLayer::mlp_backward_input(const at::Tensor& d_ND, BlockSaved& saved, const LayerCall& call, const Meanwhile& meanwhile) const {
  const at::Tensor dbranch_ND = branch_gradient(d_ND, DropoutSite::residual_mlp, call);
  const at::Tensor dx_ND = call.keep_tensor(d_ND.sizes());
  Work sum = mlp_.backward_input(dx_ND, dbranch_ND, saved.mlp, call);
  meanwhile();
  sum.wait();
  mlp_norm_.backward_input(d_ND, dx_ND, saved.mlp_norm, call, Write::accumulate);
}

template <class Meanwhile>
void BlockLayer::attention_backward_input(const at::Tensor& d_ND, BlockSaved& saved, const LayerCall& call,
                                          const Meanwhile& meanwhile) const {
  const at::Tensor dbranch_ND = branch_gradient(d_ND, DropoutSite::residual_attention, call);
  const at::Tensor dx_ND = call.keep_tensor(d_ND.sizes());
  Work sum = attention_.backward_input(dx_ND, dbranch_ND, saved.attention, call);
  meanwhile();
  sum.wait();
  attention_norm_.backward_input(d_ND, dx_ND, saved.attention_norm, call, Write::accumulate);
}

void BlockLayer::residual_sum(const at::Tensor& y_ND, const at::Tensor& x_ND, const at::Tensor& branch_ND, const at::Tensor& bias_D,
                              DropoutSite site, const LayerCall& call) const {
  const std::int64_t b = call.samples(), t = call.length(), d = shape_.width;
  dropout_add(call.view(y_ND, {b, t, d}), call.view(x_ND, {b, t, d}), call.view(branch_ND, {b, t, d}), bias_D, call.positions_BT,
              dropout_of(call, shape_, layer_, site));
}

// A tensor of its own, for d changes before the weights of the branch read this.
at::Tensor BlockLayer::branch_gradient(const at::Tensor& d_ND, DropoutSite site, const LayerCall& call) const {
  const at::Tensor dbranch_ND = call.keep_tensor(d_ND.sizes());
  const Dropout dropout = dropout_of(call, shape_, layer_, site);
  if (dropout.p > 0.0) {
    const std::int64_t b = call.samples(), t = call.length(), d = shape_.width;
    dropout_apply(call.view(dbranch_ND, {b, t, d}), call.view(d_ND, {b, t, d}), call.positions_BT, dropout);
  } else {
    copy(dbranch_ND, d_ND);
  }
  return dbranch_ND;
}

}  // namespace ergon
