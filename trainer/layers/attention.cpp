// SPDX-License-Identifier: Apache-2.0
#include "trainer/layers/attention.hpp"

#include <cmath>

#include "configs/error.hpp"
#include "trainer/kernels/activation.hpp"
#include "trainer/kernels/pointwise.hpp"
#include "trainer/layers/stream.hpp"

namespace ergon {

AttentionLayer::AttentionLayer(const ModelShape& shape, int tp, int tp_rank, int layer, const RotaryTable* rotary, AttentionIds ids)
    : shape_(shape),
      rule_(attention_rule(shape)),
      heads_(partition_heads(shape.heads, shape.kv_heads, tp, tp_rank)),
      layer_(layer),
      rotary_(rotary),
      qkv_(ids.qkv),
      output_(ids.output) {}

AttentionLayer::Heads AttentionLayer::heads_of(const at::Tensor& qkv_NE, const LayerCall& call) const {
  const std::int64_t h = heads_.num_query, k = heads_.num_kv;
  const at::Tensor rows = call.view(qkv_NE, {call.samples(), call.length(), h + 2 * k, shape_.head_width});
  return {call.narrow(rows, 2, 0, h), call.narrow(rows, 2, h, k), call.narrow(rows, 2, h + k, k)};
}

AttentionDropout AttentionLayer::dropout(const LayerCall& call) const {
  return {.p = call.step.training ? shape_.dropout : 0.0,
          .seed = call.step.seed,
          .step = call.step.step,
          .layer = layer_,
          .first_sample = call.step.first_sample,
          .first_head = heads_.first_query,
          .num_heads = shape_.heads,
          .sequence = shape_.sequence};
}

AttentionCall AttentionLayer::core(const Heads& heads, const LayerCall& call, TensorMemory& keep) const {
  const double scale = 1.0 / std::sqrt(static_cast<double>(shape_.head_width));
  const std::span<const AttentionRule> rules = call.documents.rules ? std::span(*call.documents.rules) : std::span(&rule_, 1);
  return {heads.q_BTHQ, heads.k_BTKQ, heads.v_BTKQ, rules, dropout(call), scale, keep, call.step.scratch};
}

// What a kernel writes: in the accumulator type, so that rotation and rounding to the type of activations follow once.
at::Tensor AttentionLayer::exact(const at::Tensor& kept, const LayerCall& call) {
  return call.dtype() == call.accumulator() ? kept : call.scratch_accumulator(kept.sizes());
}

// What a product reads of a tensor kept in the accumulator type.
at::Tensor AttentionLayer::rounded(const at::Tensor& exact, const LayerCall& call) {
  if (call.dtype() == call.accumulator()) return exact;
  const at::Tensor result = call.scratch_tensor(exact.sizes());
  copy(result, exact);
  return result;
}

Work AttentionLayer::forward(const at::Tensor& y_ND, const at::Tensor& x_ND, AttentionSaved& saved, const LayerCall& call) const {
  const std::int64_t n = call.rows(), h = heads_.num_query, q = shape_.head_width;
  const Arena::Frame frame(call.step.scratch);
  saved.x_ND = x_ND;
  saved.qkv_NE = call.keep_tensor({n, (h + 2 * heads_.num_kv) * q});
  saved.out_NC = call.rebuilt_accumulator({n, h * q}, Recompute::core);

  qkv_.forward(saved.qkv_NE, all_rows(call, call.step.scratch, x_ND), call);
  const at::Tensor bias = qkv_.bias_O(call.store);
  if (bias.defined()) add_bias(saved.qkv_NE, bias);
  const Heads heads = heads_of(saved.qkv_NE, call);
  if (rotary_ != nullptr) {
    rotary_apply(heads.q_BTHQ, call.encoded_positions(), *rotary_, Rotation::forward);
    rotary_apply(heads.k_BTKQ, call.encoded_positions(), *rotary_, Rotation::forward);
  }
  compute_core(saved, call, call.rebuilds(Recompute::core) ? call.step.scratch : call.keep);
  return output_.forward(y_ND, rounded(saved.out_NC, call), call);
}

void AttentionLayer::compute_core(AttentionSaved& saved, const LayerCall& call, TensorMemory& keep) const {
  const Arena::Frame frame(call.step.scratch);
  const std::int64_t q = shape_.head_width;
  const at::Tensor out_BTHQ = call.view(saved.out_NC, {call.samples(), call.length(), heads_.num_query, q});
  const AttentionWork work = call.step.attention.forward(core(heads_of(saved.qkv_NE, call), call, keep), out_BTHQ, saved.core);
  call.step.gemm.audit().attention(work, q);
}

void AttentionLayer::rebuild(const at::Tensor& x_ND, AttentionSaved& saved, const LayerCall& call) const {
  saved.x_ND = x_ND;
  if (!call.rebuilds(Recompute::core)) return;
  saved.out_NC = call.keep_accumulator(saved.out_NC.sizes());
  const FlopAudit::Scope phase(call.step.gemm.audit(), Phase::recompute);
  compute_core(saved, call, call.keep);
}

Work AttentionLayer::backward_input(const at::Tensor& dx_ND, const at::Tensor& dy_ND, AttentionSaved& saved, const LayerCall& call) const {
  const std::int64_t b = call.samples(), t = call.length(), h = heads_.num_query, q = shape_.head_width;
  saved.own_dy_ND = dy_ND;
  saved.dy_ND = all_rows(call, call.keep, dy_ND);
  saved.dqkv_NE = call.keep_tensor(saved.qkv_NE.sizes());
  {
    const Arena::Frame frame(call.step.scratch);
    const at::Tensor exact_NE = exact(saved.dqkv_NE, call);
    const Heads heads = heads_of(saved.qkv_NE, call), gradients = heads_of(exact_NE, call);
    const at::Tensor dout_NC = call.scratch_tensor(saved.out_NC.sizes());
    output_.backward_input(dout_NC, saved.dy_ND, call);
    const at::Tensor out_BTHQ = call.view(saved.out_NC, {b, t, h, q}), dout_BTHQ = call.view(dout_NC, {b, t, h, q});
    AttentionGradients result{gradients.q_BTHQ, gradients.k_BTKQ, gradients.v_BTKQ};
    const AttentionWork work = call.step.attention.backward(core(heads, call, call.keep), dout_BTHQ, out_BTHQ, saved.core, result);
    call.step.gemm.audit().attention(work, q);
    if (rotary_ != nullptr) {
      rotary_apply(gradients.q_BTHQ, call.encoded_positions(), *rotary_, Rotation::inverse);
      rotary_apply(gradients.k_BTKQ, call.encoded_positions(), *rotary_, Rotation::inverse);
    }
    if (call.dtype() != call.accumulator()) copy(saved.dqkv_NE, exact_NE);
  }
  return qkv_.backward_input(dx_ND, saved.dqkv_NE, call);
}

void AttentionLayer::backward_weight(const AttentionSaved& saved, const LayerCall& call, Write write) const {
  const Arena::Frame frame(call.step.scratch);
  const at::Tensor x_ND = all_rows(call, call.step.scratch, saved.x_ND);
  if (heads_.kv_replicas > 1) {
    backward_weight_replicated(x_ND, saved, call, write);
  } else {
    qkv_.backward_weight(x_ND, saved.dqkv_NE, call, write);
  }
  output_.backward_weight(rounded(saved.out_NC, call), saved.dy_ND, saved.own_dy_ND, call, write);
}

// Key and value rows by a product of their own: this microbatch's part is summed over the replicas before it joins what earlier
// microbatches left, and the sum travels while the query rows are computed.
void AttentionLayer::backward_weight_replicated(const at::Tensor& x_ND, const AttentionSaved& saved, const LayerCall& call,
                                                Write write) const {
  Communicator* replicas = call.step.kv_replicas;
  ERGON_CHECK(replicas != nullptr && replicas->size() == heads_.kv_replicas, "key/value heads have {} replicas, the step brings {}",
              heads_.kv_replicas, replicas == nullptr ? 1 : replicas->size());
  const LinearIds& ids = qkv_.ids();
  const std::int64_t query_columns = heads_.num_query * shape_.head_width, kv_columns = 2 * heads_.num_kv * shape_.head_width;
  const at::Tensor dq_NC = call.narrow(saved.dqkv_NE, 1, 0, query_columns);
  const bool has_bias = ids.bias_first != no_parameter;

  // One message: the rows of the weight, then one row more that holds the bias.
  const Arena::Frame frame(call.step.scratch);
  const std::int64_t weight_elements = kv_columns * shape_.width;
  const at::Tensor part = call.scratch_accumulator({weight_elements + (has_bias ? kv_columns : 0)});
  const at::Tensor dkv_weight = call.view(call.narrow(part, 0, 0, weight_elements), {kv_columns, shape_.width});
  call.step.gemm(dkv_weight, call.narrow(saved.dqkv_NE, 1, query_columns, kv_columns), Transpose::yes, x_ND, Transpose::no);
  const at::Tensor all_biases = call.scratch_accumulator({query_columns + kv_columns});
  if (has_bias) {
    column_sum(all_biases, saved.dqkv_NE, Write::overwrite);
    copy(call.narrow(part, 0, weight_elements, kv_columns), call.narrow(all_biases, 0, query_columns, kv_columns));
  }
  Work sum = replicas->all_reduce(part);

  call.step.gemm(call.store.packed_gradient(ids.weight_first, ids.weight_first), dq_NC, Transpose::yes, x_ND, Transpose::no, write);
  const auto join = [write](const at::Tensor& gradient, const at::Tensor& value) {
    if (write == Write::overwrite) {
      copy(gradient, value);
    } else {
      add(gradient, gradient, value);
    }
  };
  if (has_bias) join(call.store.packed_gradient(ids.bias_first, ids.bias_first), call.narrow(all_biases, 0, 0, query_columns));
  sum.wait();
  join(call.store.packed_gradient(ids.weight_first + 1, ids.weight_last), dkv_weight);
  if (has_bias) join(call.store.packed_gradient(ids.bias_first + 1, ids.bias_last), call.narrow(part, 0, weight_elements, kv_columns));
}

void AttentionLayer::backward(const at::Tensor& dx_ND, const at::Tensor& dy_ND, AttentionSaved& saved, const LayerCall& call,
                              Write write) const {
  Work sum = backward_input(dx_ND, dy_ND, saved, call);
  backward_weight(saved, call, write);
  sum.wait();
}

}  // namespace ergon
