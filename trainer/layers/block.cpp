// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/block.hpp"

#include "trainer/kernels/pointwise.hpp"
#include "trainer/layers/stream.hpp"

namespace ergon {

BlockLayer::BlockLayer(const ModelShape& shape, int tp, int tp_rank, int layer, const RotaryTable* rotary, const BlockIds& ids)
    : shape_(shape),
      layer_(layer),
      attention_norm_(shape, ids.attention_norm),
      mlp_norm_(shape, ids.mlp_norm),
      attention_(shape, tp, tp_rank, layer, rotary, ids.attention),
      mlp_(shape, ids.mlp) {}

void BlockLayer::forward(const at::Tensor& y_ND, const at::Tensor& x_ND, BlockSaved& saved, const LayerCall& call) const {
  const Arena::Frame frame(call.step.scratch);
  const at::Tensor attention_in_ND = call.rebuilt_tensor(x_ND.sizes(), Recompute::selective);
  saved.middle_ND = call.keep_tensor(x_ND.sizes());
  const at::Tensor mlp_in_ND = call.rebuilt_tensor(x_ND.sizes(), Recompute::selective);
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
  if (call.rebuilds(Recompute::selective)) mlp_.rebuild(rebuilt_input(mlp_norm_, saved.mlp_norm, call), saved.mlp, call);
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
  if (call.rebuilds(Recompute::selective))
    attention_.rebuild(rebuilt_input(attention_norm_, saved.attention_norm, call), saved.attention, call);
  const at::Tensor dbranch_ND = branch_gradient(d_ND, DropoutSite::residual_attention, call);
  const at::Tensor dx_ND = call.keep_tensor(d_ND.sizes());
  Work sum = attention_.backward_input(dx_ND, dbranch_ND, saved.attention, call);
  meanwhile();
  sum.wait();
  attention_norm_.backward_input(d_ND, dx_ND, saved.attention_norm, call, Write::accumulate);
}

at::Tensor BlockLayer::rebuilt_input(const NormLayer& norm, const NormSaved& saved, const LayerCall& call) {
  const at::Tensor y_ND = call.keep_tensor(saved.x_ND.sizes());
  norm.rebuild(y_ND, saved, call);
  return y_ND;
}

void BlockLayer::residual_sum(const at::Tensor& y_ND, const at::Tensor& x_ND, const at::Tensor& branch_ND, const at::Tensor& bias_D,
                              DropoutSite site, const LayerCall& call) const {
  stream_dropout_add(call, y_ND, x_ND, branch_ND, bias_D, dropout_of(call, shape_, layer_, site));
}

// A tensor of its own, for d changes before the weights of the branch read this.
at::Tensor BlockLayer::branch_gradient(const at::Tensor& d_ND, DropoutSite site, const LayerCall& call) const {
  const at::Tensor dbranch_ND = call.keep_tensor(d_ND.sizes());
  const Dropout dropout = dropout_of(call, shape_, layer_, site);
  if (dropout.p > 0.0) {
    stream_dropout(call, dbranch_ND, d_ND, dropout);
  } else {
    copy(dbranch_ND, d_ND);
  }
  return dbranch_ND;
}

}  // namespace ergon
