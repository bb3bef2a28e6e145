// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/embedding.hpp"

#include "trainer/kernels/embedding.hpp"

namespace ergon {

EmbeddingLayer::EmbeddingLayer(const ModelShape& shape, int tp, int tp_rank, EmbeddingIds ids)
    : shape_(shape), vocabulary_(partition_vocabulary(shape.vocabulary, tp, tp_rank)), ids_(ids) {}

void EmbeddingLayer::forward(const at::Tensor& y_ND, const at::Tensor& tokens_BT, EmbeddingSaved& saved, const LayerCall& call) const {
  saved.tokens_N = call.view(tokens_BT, {call.rows()});
  embedding_forward(y_ND, saved.tokens_N, call.store.weight(ids_.tokens), vocabulary_.first, vocabulary_.real);
  sum_over_tp(call, y_ND).wait();
  if (ids_.positions != no_parameter) positions_add(y_ND, call.view(call.positions_BT, {call.rows()}), call.store.weight(ids_.positions));
  const Dropout dropout = dropout_of(call, shape_, 0, DropoutSite::embedding);
  const at::Tensor y_BTD = call.view(y_ND, {call.samples(), call.length(), shape_.width});
  if (dropout.p > 0.0) dropout_apply(y_BTD, y_BTD, call.positions_BT, dropout);
}

void EmbeddingLayer::backward_input(const at::Tensor& dy_ND, EmbeddingSaved& saved, const LayerCall& call) const {
  const Dropout dropout = dropout_of(call, shape_, 0, DropoutSite::embedding);
  const at::Tensor dy_BTD = call.view(dy_ND, {call.samples(), call.length(), shape_.width});
  if (dropout.p > 0.0) dropout_apply(dy_BTD, dy_BTD, call.positions_BT, dropout);
  saved.dy_ND = dy_ND;
}

void EmbeddingLayer::backward_weight(const EmbeddingSaved& saved, const LayerCall& call, Write write) const {
  const Write table_write = shape_.tied ? Write::accumulate : write;
  embedding_backward(call.store.gradient(ids_.tokens), saved.dy_ND, saved.tokens_N, vocabulary_.first, vocabulary_.real, table_write);
  if (ids_.positions != no_parameter) {
    positions_backward(call.store.gradient(ids_.positions), saved.dy_ND, call.view(call.positions_BT, {call.rows()}), write);
  }
}

void EmbeddingLayer::backward(const at::Tensor& dy_ND, EmbeddingSaved& saved, const LayerCall& call, Write write) const {
  backward_input(dy_ND, saved, call);
  backward_weight(saved, call, write);
}

}  // namespace ergon
