// SPDX-License-Identifier: Apache-2.0
// Final norm, logits over this rank's vocabulary rows, and vocabulary-parallel cross-entropy: the maximum, the sum of exponentials and the
// label's logit of a row travel over tp, never its logits.
//
//   logits[N, V_tp] = norm(x) table[V_tp, D]^T;   loss = sum over valid rows of max + log(sum) - label logit
//
// Rows whose label is ignored_label contribute nothing, neither do padding columns. Logits and what is made of a row are in the accumulator
// type; their gradient has the type of activations, and takes the place of the logits where that is the same.
#pragma once

#include "configs/model_shape.hpp"
#include "parallel/plan/head_partition.hpp"
#include "trainer/layers/norm.hpp"

namespace ergon {

struct HeadSaved {
  NormSaved norm;
  at::Tensor normed_ND;  // this rank's rows; rebuilt under `selective`
  at::Tensor logits_NV;
  at::Tensor dlogits_NV;  // from backward_input to backward_weight
  at::Tensor max_N, sum_N;
  at::Tensor labels_N;  // a view of the batch
};

class HeadLayer {
 public:
  HeadLayer(const ModelShape& shape, int tp, int tp_rank, HeadIds ids);

  // The sum of the losses of valid rows, equal on all tensor ranks.
  double forward(const at::Tensor& x_ND, const at::Tensor& labels_BT, HeadSaved& saved, const LayerCall& call) const;
  // Overwrites dx with the gradient of loss * loss_scale.
  void backward_input(const at::Tensor& dx_ND, double loss_scale, HeadSaved& saved, const LayerCall& call) const;
  void backward_weight(const HeadSaved& saved, const LayerCall& call, Write write) const;
  // Both, the table's gradient beside the sum of dx over tp.
  void backward(const at::Tensor& dx_ND, double loss_scale, HeadSaved& saved, const LayerCall& call, Write write) const;

  // logits_RV: every logit, gathered over tp, without padding, [R, vocabulary]; a new tensor.
  at::Tensor logits(const at::Tensor& x_RD, const LayerCall& call) const;

 private:
  // Starts the gradient of the norm's output; it is complete once the Work is.
  [[nodiscard]] Work logits_backward(const at::Tensor& dnormed_ND, double loss_scale, HeadSaved& saved, const LayerCall& call) const;
  void table_backward_weight(const HeadSaved& saved, const LayerCall& call, Write write) const;

  ModelShape shape_;
  VocabularyPartition vocabulary_;
  NormLayer norm_;
  ParameterId table_;
};

}  // namespace ergon
