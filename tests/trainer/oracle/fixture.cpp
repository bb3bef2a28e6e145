// SPDX-License-Identifier: Apache-2.0
#include "tests/trainer/oracle/fixture.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <limits>
#include <stdexcept>

#include "tests/trainer/oracle/tensor_operators.hpp"
#include "trainer/attention/delta.hpp"
#include "trainer/kernels/philox.hpp"

namespace ergon::oracle {
namespace {

at::Generator generator(std::int64_t seed) { return at::make_generator<at::CPUGeneratorImpl>(static_cast<std::uint64_t>(seed)); }

class Solo final : public Communicator {
 public:
  Solo() : Communicator(0, "solo", {0}) {}

 private:
  [[noreturn]] static void fail() { throw std::logic_error("a layer on one rank communicates"); }
  std::unique_ptr<Communicator> make_group(int, int, const std::string&) override { fail(); }
  RequestPtr start_all_reduce(at::Tensor, Reduction) override { fail(); }
  RequestPtr start_all_gather(at::Tensor, at::Tensor) override { fail(); }
  RequestPtr start_reduce_scatter(at::Tensor, at::Tensor) override { fail(); }
  RequestPtr start_all_to_all_v(at::Tensor, std::vector<std::int64_t>, at::Tensor, std::vector<std::int64_t>) override { fail(); }
  RequestPtr start_broadcast(at::Tensor, int) override { fail(); }
  RequestPtr start_send(at::Tensor, int, std::uint64_t) override { fail(); }
  RequestPtr start_recv(at::Tensor, int, std::uint64_t) override { fail(); }
  RequestPtr start_ring_shift(at::Tensor, at::Tensor, int) override { fail(); }
  RequestPtr start_barrier() override { fail(); }
};

ModelShape base_shape() {
  ModelShape shape;
  shape.layers = 2;
  shape.width = 16;
  shape.heads = 4;
  shape.kv_heads = 4;
  shape.head_width = 6;
  shape.ffn_width = 24;
  shape.vocabulary = 257;
  shape.sequence = 12;
  return shape;
}

// The factor of dropout at one site for every element, taken from ones.
at::Tensor residual_mask(const ModelShape& shape, const Batch& batch, Dropout dropout, DropoutSite site, std::int64_t layer) {
  dropout.site = site;
  dropout.layer = layer;
  const at::Tensor ones = at::ones({batch.tokens_BT.size(0), batch.tokens_BT.size(1), shape.width}, at::kDouble);
  const at::Tensor mask = at::empty_like(ones);
  dropout_apply(mask, ones, batch.positions_BT, dropout);
  return mask;
}

at::Tensor attention_mask(const ModelShape& shape, const Batch& batch, const Dropout& dropout, std::int64_t layer) {
  const std::int64_t b = batch.tokens_BT.size(0), t = batch.tokens_BT.size(1), h = shape.heads;
  const AttentionDropout counter{
      .p = dropout.p, .seed = dropout.seed, .step = dropout.step, .layer = layer, .num_heads = h, .sequence = shape.sequence};
  const at::Tensor mask = at::zeros({b, h, t, t}, at::kDouble);
  double* element = mask.data_ptr<double>();
  for (std::int64_t sample = 0; sample < b; ++sample) {
    for (std::int64_t head = 0; head < h; ++head) {
      for (std::int64_t query = 0; query < t; ++query) {
        for (std::int64_t key = 0; key < t; ++key)
          *element++ = attention_dropout_factor(counter, batch.first_sample + sample, head, query, key);
      }
    }
  }
  return mask;
}

}  // namespace

std::vector<ModelShape> variants() {
  const ModelShape gpt = base_shape();
  ModelShape gpt_dropout = gpt;
  gpt_dropout.dropout = 0.2;
  ModelShape llama = gpt;
  llama.norm = Norm::rmsnorm;
  llama.positions = Positions::rotary;
  llama.mlp = Mlp::swiglu;
  llama.kv_heads = 2;
  llama.biases = llama.tied = false;
  ModelShape multi_query = gpt;
  multi_query.kv_heads = 1;
  multi_query.positions = Positions::none;
  multi_query.biases = multi_query.tied = false;
  multi_query.window = 5;
  ModelShape mixed = gpt;
  mixed.norm = Norm::rmsnorm;
  mixed.positions = Positions::rotary;
  mixed.mlp = Mlp::swiglu;
  mixed.kv_heads = 1;
  mixed.dropout = 0.1;
  mixed.window = 3;
  ModelShape grouped = gpt;
  grouped.positions = Positions::rotary;
  grouped.kv_heads = 2;
  grouped.tied = false;
  grouped.dropout = 0.1;
  return {gpt, gpt_dropout, llama, multi_query, mixed, grouped};
}

std::string describe(const ModelShape& shape) {
  return fmt::format("norm {} positions {} mlp {} kv_heads {} biases {} tied {} window {} dropout {}", static_cast<int>(shape.norm),
                     static_cast<int>(shape.positions), static_cast<int>(shape.mlp), shape.kv_heads, shape.biases, shape.tied, shape.window,
                     shape.dropout);
}

at::Tensor normal(at::IntArrayRef sizes, std::int64_t seed) {
  return at::randn(sizes, generator(seed), at::TensorOptions().dtype(at::kDouble));
}

double max_error(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes() || !at::isfinite(a).all().item<bool>()) return std::numeric_limits<double>::infinity();
  if (a.numel() == 0) return 0.0;
  return (a.detach().to(at::kDouble) - b.detach().to(at::kDouble)).abs().max().item<double>();
}

Batch make_batch(const ModelShape& shape, std::int64_t samples, std::int64_t length, std::int64_t seed, std::int64_t ignored,
                 std::int64_t first_sample) {
  const at::Tensor stream = at::randint(shape.vocabulary, {samples, length + 1}, generator(seed), at::TensorOptions().dtype(at::kLong));
  Batch batch;
  batch.tokens_BT = stream.narrow(1, 0, length).contiguous();
  batch.labels_BT = stream.narrow(1, 1, length).contiguous();
  if (ignored > 0) {
    const at::Tensor number = at::arange(samples * length).view({samples, length});
    batch.labels_BT.masked_fill_(number % ignored == 0, ignored_label);
  }
  batch.positions_BT = at::arange(length).expand({samples, length}).contiguous();
  batch.valid_tokens = (batch.labels_BT != ignored_label).sum().item<std::int64_t>();
  batch.first_sample = first_sample;
  return batch;
}

Parameters random_parameters(const ModelShape& shape, std::int64_t seed) {
  Parameters parameters;
  for (const ParameterSpec& spec : declare_parameters(shape, 1, 0).specs) {
    at::Tensor value = normal(spec.global_shape, seed ^ static_cast<std::int64_t>(fnv1a(spec.name) >> 1));
    if (spec.kind == "matrix") value = value * 0.3;
    if (spec.init == Init::ones) value = value * 0.2 + 1.0;
    parameters[spec.name] = value;
  }
  return parameters;
}

void require_gradients(Parameters& parameters) {
  for (auto& [name, value] : parameters) value = value.detach().clone().requires_grad_(true);
}

at::Tensor gradient_of(const at::Tensor& parameter) { return parameter.grad().defined() ? parameter.grad() : at::zeros_like(parameter); }

at::Tensor local_part(const at::Tensor& global, const ParameterSpec& spec) {
  at::Tensor part = global.detach();
  for (std::size_t dim = 0; dim < spec.box.offset.size(); ++dim)
    part = part.narrow(static_cast<std::int64_t>(dim), spec.box.offset[dim], spec.box.extent[dim]);
  at::Tensor local = at::zeros(spec.local_shape, global.options());
  local.narrow(0, 0, part.size(0)).copy_(part);
  return local;
}

Masks dropout_masks(const ModelShape& shape, const Batch& batch, std::int64_t seed, std::int64_t step) {
  Masks masks;
  masks.layers.resize(static_cast<std::size_t>(shape.layers));
  if (shape.dropout == 0.0) return masks;
  const Dropout dropout{.p = shape.dropout, .seed = seed, .step = step, .first_sample = batch.first_sample, .sequence = shape.sequence};
  masks.embedding_BTD = residual_mask(shape, batch, dropout, DropoutSite::embedding, 0);
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
    LayerMasks& of_layer = masks.layers[static_cast<std::size_t>(layer)];
    of_layer.attention_residual_BTD = residual_mask(shape, batch, dropout, DropoutSite::residual_attention, layer);
    of_layer.mlp_residual_BTD = residual_mask(shape, batch, dropout, DropoutSite::residual_mlp, layer);
    of_layer.attention_BHTT = attention_mask(shape, batch, dropout, layer);
  }
  return masks;
}

std::unique_ptr<Communicator> solo() { return std::make_unique<Solo>(); }

Rank::Rank(const ModelShape& shape_, const Parameters& parameters, Communicator& tp, Communicator* kv_replicas, at::ScalarType dtype,
           std::unique_ptr<LocalAttention> kernel)
    : shape(shape_),
      tp_size(tp.size()),
      tp_rank(tp.rank()),
      declared(declare_parameters(shape, tp_size, tp_rank)),
      store(declared.specs, declared.packs, dtype, at::kCPU, declared.units.units()),
      attention(std::move(kernel)),
      strategy({*attention, attention_delta}),
      context{.gemm = gemm, .attention = strategy, .tp = tp, .scratch = scratch, .kv_replicas = kv_replicas, .seed = 11, .step = 3} {
  store.flat_gradients().fill_(7.0);  // Write::overwrite must not read what was there
  for (std::size_t id = 0; id < declared.specs.size(); ++id) {
    store.weight(static_cast<ParameterId>(id)).copy_(local_part(parameters.at(declared.specs[id].name), declared.specs[id]));
  }
}

LayerCall Rank::call(const Batch& batch) {
  context.first_sample = batch.first_sample;
  return {store, context, keep, batch.positions_BT};
}

double Rank::gradient_error(const Parameters& parameters, const std::string& prefix) const {
  double worst = 0.0;
  for (std::size_t id = 0; id < declared.specs.size(); ++id) {
    const ParameterSpec& spec = declared.specs[id];
    if (!spec.name.starts_with(prefix)) continue;
    const double error = max_error(store.gradient(static_cast<ParameterId>(id)), local_part(gradient_of(parameters.at(spec.name)), spec));
    worst = std::max(worst, error);
  }
  return worst;
}

LayerUnderTest::LayerUnderTest(const ModelShape& shape)
    : parameters(random_parameters(shape, 1)), tp(solo()), rank(shape, parameters, *tp) {
  require_gradients(parameters);
}

Microbatch::Microbatch(Rank& rank, Write write_, std::int64_t ignored)
    : write(write_),
      batch(make_batch(rank.shape, 3, 10, 5, ignored, write_ == Write::overwrite ? 0 : 3)),
      call(rank.call(batch)),
      x_BTD(normal({3, 10, rank.shape.width}, 2).requires_grad_(true)),
      x_ND(x_BTD.detach().view({30, rank.shape.width})),
      dy_ND(normal({30, rank.shape.width}, 3)) {}

}  // namespace ergon::oracle
