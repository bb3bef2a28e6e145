// SPDX-License-Identifier: Apache-2.0
// Tokens to the residual stream: rows of the vocabulary-parallel table summed over tp, plus learned positions, then dropout.
//
//   y[N, D] = dropout(sum over tp table[tokens, D] + positions[position, D])
//
// A tied table of the same rank already holds the head's part of its gradient when this layer's backward comes: the scatter is added
// (`after_head`), whatever the Write.
#pragma once

#include "configs/model_shape.hpp"
#include "parallel/plan/head_partition.hpp"
#include "trainer/layers/ids.hpp"
#include "trainer/layers/step_context.hpp"

namespace ergon {

struct EmbeddingSaved {
  at::Tensor tokens_N;
  at::Tensor dy_ND;
};

class EmbeddingLayer {
 public:
  EmbeddingLayer(const ModelShape& shape, int tp, int tp_rank, EmbeddingIds ids, bool after_head);

  void forward(const at::Tensor& y_ND, const at::Tensor& tokens_BT, EmbeddingSaved& saved, const LayerCall& call) const;
  // Tokens have no gradient: this undoes the dropout, in place, and keeps dy for backward_weight.
  void backward_input(const at::Tensor& dy_ND, EmbeddingSaved& saved, const LayerCall& call) const;
  void backward_weight(const EmbeddingSaved& saved, const LayerCall& call, Write write) const;
  void backward(const at::Tensor& dy_ND, EmbeddingSaved& saved, const LayerCall& call, Write write) const;

 private:
  ModelShape shape_;
  VocabularyPartition vocabulary_;
  EmbeddingIds ids_;
  bool after_head_;
};

}  // namespace ergon
