// SPDX-License-Identifier: Apache-2.0
#include "tests/trainer/oracle/reference_model.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/masked_fill.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/repeat_interleave.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tanh.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "tests/trainer/oracle/tensor_operators.hpp"
#include "trainer/data/batch.hpp"

namespace ergon::oracle {
namespace {

at::Tensor find(const Parameters& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? at::Tensor() : found->second;
}

at::Tensor linear(const Parameters& parameters, const std::string& name, const at::Tensor& x, const Storage& storage) {
  const at::Tensor y = storage.kept(at::matmul(x, parameters.at(name + ".weight").t()));
  const at::Tensor bias = find(parameters, name + ".bias");
  return bias.defined() ? y + bias : y;
}

at::Tensor masked(const at::Tensor& x, const at::Tensor& mask) { return mask.defined() ? x * mask : x; }

}  // namespace

at::Tensor Storage::kept_forward(const at::Tensor& x) const {
  return bfloat16 ? x + (x.detach().to(at::kBFloat16).to(at::kDouble) - x.detach()) : x;
}

at::Tensor Storage::kept_gradient(const at::Tensor& x) const {
  if (!bfloat16 || !x.requires_grad()) return x;
  const at::Tensor y = x + 0.0;  // a tensor of its own: the hook must not meet x's other readers
  y.register_hook([](const at::Tensor& gradient) { return gradient.to(at::kBFloat16).to(at::kDouble); });
  return y;
}

at::Tensor Storage::kept(const at::Tensor& x) const { return kept_gradient(kept_forward(x)); }

at::Tensor visible_TT(std::int64_t length, std::int64_t window) {
  const at::Tensor query = at::arange(length).unsqueeze(1);
  const at::Tensor key = at::arange(length).unsqueeze(0);
  at::Tensor visible = key <= query;
  if (window > 0) visible = at::logical_and(visible, query - key < window);
  return visible;
}

at::Tensor norm(const ModelShape& shape, const Parameters& parameters, const std::string& name, const at::Tensor& x_BTD,
                const Storage& storage) {
  at::Tensor centred = x_BTD;
  if (shape.norm == Norm::layernorm) centred = x_BTD - x_BTD.mean(-1, true);
  const at::Tensor scale = at::rsqrt((centred * centred).mean(-1, true) + shape.norm_epsilon);
  const at::Tensor y = centred * scale * parameters.at(name + ".weight");
  const at::Tensor bias = find(parameters, name + ".bias");
  return storage.kept(bias.defined() ? y + bias : y);
}

at::Tensor rotate(const at::Tensor& x_BTHQ, const at::Tensor& positions_BT, double theta) {
  const std::int64_t half = x_BTHQ.size(-1) / 2;
  const at::Tensor frequency = at::exp(at::arange(half, at::kDouble) * (-std::log(theta) / static_cast<double>(half)));
  const at::Tensor angle = (positions_BT.to(at::kDouble).unsqueeze(-1) * frequency).unsqueeze(2);
  const at::Tensor first = x_BTHQ.narrow(-1, 0, half), second = x_BTHQ.narrow(-1, half, half);
  return at::cat({first * at::cos(angle) - second * at::sin(angle), second * at::cos(angle) + first * at::sin(angle)}, -1);
}

at::Tensor attention_core(const at::Tensor& q_BTHQ, const at::Tensor& k_BTKQ, const at::Tensor& v_BTKQ, std::int64_t window,
                          const at::Tensor& mask_BHTT) {
  const std::int64_t group = q_BTHQ.size(2) / k_BTKQ.size(2);
  const at::Tensor q_BHTQ = q_BTHQ.transpose(1, 2);
  const at::Tensor k_BHTQ = at::repeat_interleave(k_BTKQ, group, 2).transpose(1, 2);
  const at::Tensor v_BHTQ = at::repeat_interleave(v_BTKQ, group, 2).transpose(1, 2);
  const at::Tensor scores = at::matmul(q_BHTQ, k_BHTQ.transpose(-1, -2)) / std::sqrt(static_cast<double>(q_BTHQ.size(3)));
  const at::Tensor hidden = visible_TT(q_BTHQ.size(1), window).logical_not();
  const at::Tensor probabilities = at::softmax(at::masked_fill(scores, hidden, -std::numeric_limits<double>::infinity()), -1);
  return at::matmul(masked(probabilities, mask_BHTT), v_BHTQ).transpose(1, 2);
}

at::Tensor attention(const ModelShape& shape, const Parameters& parameters, const std::string& prefix, const at::Tensor& x_BTD,
                     const at::Tensor& positions_BT, const at::Tensor& mask_BHTT, const Storage& storage) {
  const std::int64_t b = x_BTD.size(0), t = x_BTD.size(1);
  at::Tensor q = storage.kept(linear(parameters, prefix + "query", x_BTD, storage)).view({b, t, shape.heads, shape.head_width});
  at::Tensor k = storage.kept(linear(parameters, prefix + "key", x_BTD, storage)).view({b, t, shape.kv_heads, shape.head_width});
  const at::Tensor v = storage.kept(linear(parameters, prefix + "value", x_BTD, storage)).view({b, t, shape.kv_heads, shape.head_width});
  if (shape.positions == Positions::rotary) {
    q = storage.kept_forward(rotate(q, positions_BT, shape.rope_theta));
    k = storage.kept_forward(rotate(k, positions_BT, shape.rope_theta));
  }
  const at::Tensor out = storage.kept(attention_core(q, k, v, shape.window, mask_BHTT));
  return linear(parameters, prefix + "output", out.reshape({b, t, shape.heads * shape.head_width}), storage);
}

at::Tensor mlp(const ModelShape& shape, const Parameters& parameters, const std::string& prefix, const at::Tensor& x_BTD,
               const Storage& storage) {
  const at::Tensor up = storage.kept_gradient(linear(parameters, prefix + "up", x_BTD, storage));
  if (shape.mlp == Mlp::swiglu) {
    const at::Tensor gate = storage.kept_gradient(linear(parameters, prefix + "gate", x_BTD, storage));
    return linear(parameters, prefix + "down", storage.kept(gate * at::sigmoid(gate) * up), storage);
  }
  const double c = std::sqrt(2.0 / std::numbers::pi);
  return linear(parameters, prefix + "down", storage.kept(0.5 * up * (1.0 + at::tanh(c * (up + 0.044715 * up * up * up)))), storage);
}

at::Tensor block(const ModelShape& shape, const Parameters& parameters, int layer, const at::Tensor& x_BTD, const at::Tensor& positions_BT,
                 const LayerMasks& masks, const Storage& storage) {
  const std::string prefix = "layers." + std::to_string(layer) + ".";
  const at::Tensor a =
      attention(shape, parameters, prefix + "attention.", norm(shape, parameters, prefix + "attention_norm", x_BTD, storage), positions_BT,
                masks.attention_BHTT, storage);
  const at::Tensor middle = storage.kept(x_BTD + masked(storage.kept_gradient(a), masks.attention_residual_BTD));
  const at::Tensor m = mlp(shape, parameters, prefix + "mlp.", norm(shape, parameters, prefix + "mlp_norm", middle, storage), storage);
  return storage.kept(middle + masked(storage.kept_gradient(m), masks.mlp_residual_BTD));
}

at::Tensor embedding(const ModelShape& shape, const Parameters& parameters, const at::Tensor& tokens_BT, const at::Tensor& positions_BT,
                     const at::Tensor& mask_BTD, const Storage& storage) {
  at::Tensor x = at::embedding(parameters.at("embedding.tokens.weight"), tokens_BT);
  if (shape.positions == Positions::learned) x = x + at::embedding(parameters.at("embedding.positions.weight"), positions_BT);
  return storage.kept(masked(storage.kept_gradient(x), mask_BTD));
}

at::Tensor logits(const ModelShape& shape, const Parameters& parameters, const at::Tensor& x_BTD, const Storage& storage) {
  const at::Tensor table = parameters.at(shape.tied ? "embedding.tokens.weight" : "head.weight");
  const at::Tensor y = at::matmul(norm(shape, parameters, "head.norm", x_BTD, storage), table.t());
  if (storage.bfloat16 && y.requires_grad())  // logits are kept in fp32, their gradient is not
    y.register_hook([](const at::Tensor& gradient) { return gradient.to(at::kBFloat16).to(at::kDouble); });
  return y;
}

at::Tensor loss_sum(const at::Tensor& logits_BTV, const at::Tensor& labels_BT) {
  const at::Tensor counts = labels_BT != ignored_label;
  const at::Tensor label = labels_BT.clamp_min(0).unsqueeze(-1);
  const at::Tensor chosen = at::gather(at::log_softmax(logits_BTV, -1), -1, label).squeeze(-1);
  return -(chosen * counts.to(at::kDouble)).sum();
}

at::Tensor model_logits(const ModelShape& shape, const Parameters& parameters, const at::Tensor& tokens_BT, const at::Tensor& positions_BT,
                        const Masks& masks, const Storage& storage) {
  at::Tensor x = embedding(shape, parameters, tokens_BT, positions_BT, masks.embedding_BTD, storage);
  for (int layer = 0; layer < shape.layers; ++layer) {
    x = block(shape, parameters, layer, x, positions_BT,
              masks.layers.empty() ? LayerMasks{} : masks.layers[static_cast<std::size_t>(layer)], storage);
  }
  return logits(shape, parameters, x, storage);
}

}  // namespace ergon::oracle
