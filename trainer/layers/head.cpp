// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/head.hpp"

#include "trainer/kernels/cross_entropy.hpp"
#include "trainer/layers/stream.hpp"

namespace ergon {

HeadLayer::HeadLayer(const ModelShape& shape, int tp, int tp_rank, HeadIds ids)
    : shape_(shape), vocabulary_(partition_vocabulary(shape.vocabulary, tp, tp_rank)), norm_(shape, ids.norm), table_(ids.table) {}

double HeadLayer::forward(const at::Tensor& x_ND, const at::Tensor& labels_BT, HeadSaved& saved, const LayerCall& call) const {
  const std::int64_t n = call.rows();
  const Arena::Frame frame(call.step.scratch);
  saved.normed_ND = call.rebuilt_tensor(x_ND.sizes(), Recompute::selective);
  saved.logits_NV = call.keep_accumulator({n, vocabulary_.rows});
  saved.max_N = call.keep_accumulator({n});
  const at::Tensor sum_and_label_2N = call.keep_accumulator({2, n});
  saved.sum_N = call.select(sum_and_label_2N, 0);
  saved.labels_N = call.view(labels_BT, {n});
  const at::Tensor label_N = call.select(sum_and_label_2N, 1);

  norm_.forward(saved.normed_ND, x_ND, saved.norm, call);
  call.step.gemm(saved.logits_NV, all_rows(call, call.step.scratch, saved.normed_ND), Transpose::no, call.store.weight(table_),
                 Transpose::yes);
  logits_max(saved.max_N, saved.logits_NV, vocabulary_.real);
  if (call.step.tp.size() > 1) call.step.tp.all_reduce(saved.max_N, Reduction::max).wait();
  logits_sum(saved.sum_N, label_N, saved.logits_NV, saved.max_N, saved.labels_N, vocabulary_.first, vocabulary_.real);
  sum_over_tp(call, sum_and_label_2N).wait();
  return cross_entropy_loss(saved.max_N, saved.sum_N, label_N, saved.labels_N);
}

Work HeadLayer::logits_backward(const at::Tensor& dnormed_ND, double loss_scale, HeadSaved& saved, const LayerCall& call) const {
  saved.dlogits_NV = call.dtype() == call.accumulator() ? saved.logits_NV : call.keep_tensor(saved.logits_NV.sizes());
  cross_entropy_backward(saved.dlogits_NV, saved.logits_NV, saved.max_N, saved.sum_N, saved.labels_N, vocabulary_.first, vocabulary_.real,
                         loss_scale);
  const at::Tensor partial_ND = partial_rows(call, call.keep, dnormed_ND);
  call.step.gemm(partial_ND, saved.dlogits_NV, Transpose::no, call.store.weight(table_), Transpose::no);
  if (call.rebuilds(Recompute::selective)) {
    saved.normed_ND = call.keep_tensor(dnormed_ND.sizes());
    norm_.rebuild(saved.normed_ND, saved.norm, call);
  }
  return sum_rows(call, dnormed_ND, partial_ND);
}

void HeadLayer::table_backward_weight(const HeadSaved& saved, const LayerCall& call, Write write) const {
  const Arena::Frame frame(call.step.scratch);
  const at::Tensor normed_ND = all_rows(call, call.step.scratch, saved.normed_ND);
  call.step.gemm(call.store.gradient(table_), saved.dlogits_NV, Transpose::yes, normed_ND, Transpose::no, write);
}

void HeadLayer::backward_input(const at::Tensor& dx_ND, double loss_scale, HeadSaved& saved, const LayerCall& call) const {
  const at::Tensor dnormed_ND = call.keep_tensor(dx_ND.sizes());
  logits_backward(dnormed_ND, loss_scale, saved, call).wait();
  norm_.backward_input(dx_ND, dnormed_ND, saved.norm, call, Write::overwrite);
}

void HeadLayer::backward_weight(const HeadSaved& saved, const LayerCall& call, Write write) const {
  table_backward_weight(saved, call, write);
  norm_.backward_weight(saved.norm, call, write);
}

void HeadLayer::backward(const at::Tensor& dx_ND, double loss_scale, HeadSaved& saved, const LayerCall& call, Write write) const {
  const at::Tensor dnormed_ND = call.keep_tensor(dx_ND.sizes());
  Work sum = logits_backward(dnormed_ND, loss_scale, saved, call);
  table_backward_weight(saved, call, write);
  sum.wait();
  norm_.backward_input(dx_ND, dnormed_ND, saved.norm, call, Write::overwrite);
  norm_.backward_weight(saved.norm, call, write);
}

at::Tensor HeadLayer::logits(const at::Tensor& x_RD, const LayerCall& call) const {
  const std::int64_t r = x_RD.size(0), tp = call.step.tp.size();
  const Arena::Frame frame(call.step.scratch);
  NormSaved unused;
  const at::Tensor normed_RD = call.scratch_tensor(x_RD.sizes());
  norm_.forward(normed_RD, x_RD, unused, call);
  const at::Tensor local_RV = call.scratch_accumulator({r, vocabulary_.rows});
  call.step.gemm(local_RV, normed_RD, Transpose::no, call.store.weight(table_), Transpose::yes);
  if (tp == 1) return local_RV.narrow(1, 0, shape_.vocabulary).clone();
  const at::Tensor parts_PRV = call.scratch_accumulator({tp, r, vocabulary_.rows});
  call.step.tp.all_gather(parts_PRV, local_RV).wait();
  return parts_PRV.transpose(0, 1).reshape({r, vocabulary_.padded}).narrow(1, 0, shape_.vocabulary).clone();
}

}  // namespace ergon
