// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/formats/huggingface_tensors.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>

#include "configs/error.hpp"
#include "tests/trainer/checkpoint/formats/tiny_models.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::noisy_parameters;
using test::tiny_gpt2;
using test::tiny_llama;

namespace {

at::Tensor of(const LazyTensors& tensors, const std::string& name) {
  const LazyTensor* tensor = find(tensors, name);
  REQUIRE(tensor != nullptr);
  return value_of(*tensor);
}

template <typename Call>
std::string refusal_there(Call call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    CHECK(error.where() == "there");
    return error.problem();
  }
  return "no error";
}

std::string import_refusal(const ModelShape& model, const LazyTensors& tensors) {
  return refusal_there([&] { from_huggingface(model, tensors, "there"); });
}

}  // namespace

TEST_CASE("GPT-2: fused and transposed where Hugging Face has it so") {
  const LazyTensors ours = noisy_parameters(tiny_gpt2(), at::kFloat), theirs = to_huggingface(tiny_gpt2(), ours);
  CHECK(theirs.size() == 2 + 2 * 12 + 2);
  const at::Tensor c_attn = of(theirs, "transformer.h.1.attn.c_attn.weight");
  CHECK(c_attn.sizes() == at::IntArrayRef({16, 48}));
  CHECK(c_attn.narrow(1, 16, 16).t().equal(of(ours, "layers.1.attention.key.weight")));
  CHECK(of(theirs, "transformer.h.0.attn.c_attn.bias").narrow(0, 32, 16).equal(of(ours, "layers.0.attention.value.bias")));
  CHECK(of(theirs, "transformer.h.0.mlp.c_fc.weight").sizes() == at::IntArrayRef({16, 24}));
  CHECK(of(theirs, "transformer.h.0.mlp.c_proj.weight").t().equal(of(ours, "layers.0.mlp.down.weight")));
  CHECK(of(theirs, "transformer.wpe.weight").equal(of(ours, "embedding.positions.weight")));
  CHECK(find(theirs, "lm_head.weight") == nullptr);
  const ModelShape untied = tiny_gpt2("tied=false");
  CHECK(of(to_huggingface(untied, noisy_parameters(untied, at::kFloat)), "lm_head.weight")
            .equal(of(noisy_parameters(untied, at::kFloat), "head.weight")));
}

TEST_CASE("Llama: names alone, with biases where the model has them") {
  const ModelShape model = tiny_llama("biases=true\ntied=false");
  const LazyTensors ours = noisy_parameters(model, at::kDouble), theirs = to_huggingface(model, ours);
  CHECK(theirs.size() == ours.size());
  CHECK(of(theirs, "model.layers.1.self_attn.k_proj.weight").equal(of(ours, "layers.1.attention.key.weight")));
  CHECK(of(theirs, "model.layers.1.self_attn.o_proj.bias").equal(of(ours, "layers.1.attention.output.bias")));
  CHECK(of(theirs, "model.layers.0.mlp.gate_proj.weight").equal(of(ours, "layers.0.mlp.gate.weight")));
  CHECK(of(theirs, "model.layers.0.post_attention_layernorm.weight").equal(of(ours, "layers.0.mlp_norm.weight")));
  CHECK(of(theirs, "lm_head.weight").equal(of(ours, "head.weight")));
}

TEST_CASE("there and back is the identity, to the bit") {
  for (const ModelShape& model : {tiny_gpt2(), tiny_gpt2("tied=false"), tiny_llama(), tiny_llama("biases=true\nhead_width=6")}) {
    LazyTensors ours = noisy_parameters(model, at::kFloat);
    const LazyTensors back = from_huggingface(model, to_huggingface(model, ours), "x");
    REQUIRE(back.size() == ours.size());
    for (const LazyTensor& tensor : ours) CHECK(of(back, tensor.name).equal(value_of(tensor)));
    check_parameters(model, back, "x");
  }
}

TEST_CASE("names of the base model, buffers of older files, and a tied head that repeats its table are read") {
  for (const ModelShape& model : {tiny_gpt2(), tiny_llama("tied=true")}) {
    LazyTensors theirs = to_huggingface(model, noisy_parameters(model, at::kFloat));
    LazyTensor head = *find(theirs, model == tiny_gpt2() ? "transformer.wte.weight" : "model.embed_tokens.weight");
    head.name = "lm_head.weight";
    for (LazyTensor& tensor : theirs) tensor.name = tensor.name.substr(tensor.name.find('.') + 1);
    const LazyTensor mask{"h.0.attn.bias", at::kFloat, {1, 1, 12, 12}, [] { return at::ones({1, 1, 12, 12}); }};
    const LazyTensor frequencies{"model.layers.1.self_attn.rotary_emb.inv_freq", at::kFloat, {2}, [] { return at::ones({2}); }};
    theirs.insert(theirs.end(), {mask, frequencies, head});
    CHECK(import_refusal(model, theirs) == "no error");
    theirs.back().read = [head] { return head.read().add(1); };
    CHECK(import_refusal(model, theirs).find("config.json ties the head to the embedding, but lm_head.weight is not equal to ") == 0);
  }
}

TEST_CASE("every tensor that is missing, turned round, or nobody's is refused by its name") {
  for (const ModelShape& model : {tiny_gpt2(), tiny_llama()}) {
    const LazyTensors theirs = to_huggingface(model, noisy_parameters(model, at::kFloat));
    for (std::size_t i = 0; i < theirs.size(); ++i) {
      LazyTensors without = theirs;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
      CHECK(import_refusal(model, without) == "these tensors are missing: " + theirs[i].name);
      LazyTensors turned = theirs;
      if (turned[i].shape.front() == turned[i].shape.back()) continue;  // seen by its values only: golden_logits_test, tests/interop
      std::swap(turned[i].shape.front(), turned[i].shape.back());
      CHECK(import_refusal(model, turned).find("tensor " + theirs[i].name + " is [") == 0);
    }
    LazyTensors more = theirs;
    more.push_back(more.front());
    more.back().name = "score\n";
    CHECK(import_refusal(model, more) == "tensor 'score\\x0a' belongs to no model of this layout");
  }
}

TEST_CASE("parameters by our own names have to be those of the model") {
  const ModelShape model = tiny_llama();
  LazyTensors ours = noisy_parameters(model, at::kFloat);
  const auto said = [&](const LazyTensors& parameters) { return refusal_there([&] { check_parameters(model, parameters, "there"); }); };
  CHECK(said(ours) == "no error");
  ours.front().shape = {16, 61};
  CHECK(said(ours) == "parameter embedding.tokens.weight is [16, 61], the model has [61, 16]");
  ours.erase(ours.begin());
  CHECK(said(ours) == "the parameter embedding.tokens.weight is missing");
  ours = noisy_parameters(model, at::kFloat);
  ours.push_back(ours.front());
  ours.back().name = "x";
  CHECK(said(ours) == "the model has no parameter 'x'");
}
