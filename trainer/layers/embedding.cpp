// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/embedding.hpp"

#include "trainer/kernels/embedding.hpp"
#include "trainer/layers/stream.hpp"

namespace ergon {
namespace {

at::Tensor own_positions(const LayerCall& call) { return own_rows(call, call.view(call.encoded_positions(), {call.rows()})); }

}  // namespace

EmbeddingLayer::EmbeddingLayer(const ModelShape& shape, int tp, int tp_rank, EmbeddingIds ids, bool after_head)
    : shape_(shape), vocabulary_(partition_vocabulary(shape.vocabulary, tp, tp_rank)), ids_(ids), after_head_(after_head) {}

void EmbeddingLayer::forward(const at::Tensor& y_ND, const at::Tensor& tokens_BT, EmbeddingSaved& saved, const LayerCall& call) const {
  saved.tokens_N = call.view(tokens_BT, {call.rows()});
  {
    const Arena::Frame frame(call.step.scratch);
    const at::Tensor partial_ND = partial_rows(call, call.step.scratch, y_ND);
    embedding_forward(partial_ND, saved.tokens_N, call.store.weight(ids_.tokens), vocabulary_.first, vocabulary_.real);
    sum_rows(call, y_ND, partial_ND).wait();
  }
  if (ids_.positions != no_parameter) positions_add(y_ND, own_positions(call), call.store.weight(ids_.positions));
  const Dropout dropout = dropout_of(call, shape_, 0, DropoutSite::embedding);
  if (dropout.p > 0.0) stream_dropout(call, y_ND, y_ND, dropout);
}

void EmbeddingLayer::backward_input(const at::Tensor& dy_ND, EmbeddingSaved& saved, const LayerCall& call) const {
  const Dropout dropout = dropout_of(call, shape_, 0, DropoutSite::embedding);
  if (dropout.p > 0.0) stream_dropout(call, dy_ND, dy_ND, dropout);
  saved.dy_ND = dy_ND;
}

void EmbeddingLayer::backward_weight(const EmbeddingSaved& saved, const LayerCall& call, Write write) const {
  const Write table_write = after_head_ ? Write::accumulate : write;
  const Arena::Frame frame(call.step.scratch);
  const at::Tensor dy_ND = all_rows(call, call.step.scratch, saved.dy_ND);
  embedding_backward(call.store.gradient(ids_.tokens), dy_ND, saved.tokens_N, vocabulary_.first, vocabulary_.real, table_write);
  if (ids_.positions != no_parameter) {
    positions_backward(call.store.gradient(ids_.positions), saved.dy_ND, own_positions(call), write);
  }
}

void EmbeddingLayer::backward(const at::Tensor& dy_ND, EmbeddingSaved& saved, const LayerCall& call, Write write) const {
  backward_input(dy_ND, saved, call);
  backward_weight(saved, call, write);
}

}  // namespace ergon
