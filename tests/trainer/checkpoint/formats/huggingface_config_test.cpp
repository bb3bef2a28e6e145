// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/formats/huggingface_config.hpp"

#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "tests/trainer/checkpoint/formats/tiny_models.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::tiny_gpt2;
using test::tiny_llama;

namespace {

std::string layout_refusal(const ModelShape& model) {
  try {
    huggingface_layout(model);
  } catch (const Error& error) {
    CHECK(error.hint() == "--format hdf5 exports any model, under its own names");
    return error.problem();
  }
  return "no error";
}

// What is said of a config.json, exported for `model`, with one key changed.
std::string import_refusal(const ModelShape& model, const char* key, const nlohmann::json& value) {
  nlohmann::json json = nlohmann::json::parse(huggingface_config(model, at::kFloat));
  json[key] = value;
  try {
    model_of_huggingface(json.dump(), "config.json");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    CHECK(error.where() == "config.json");
    return error.problem();
  }
  return "no error";
}

}  // namespace

TEST_CASE("models that have a layout, and what comes back from config.json") {
  for (const ModelShape& model :
       {tiny_gpt2(), tiny_gpt2("tied=false"), tiny_gpt2("norm_epsilon=1e-6\ninit_std=0.01"), tiny_llama(), tiny_llama("tied=true"),
        tiny_llama("biases=true\nhead_width=6\nwindow=12"), tiny_llama("rope_theta=1e6\nnorm_epsilon=1e-6")}) {
    ModelShape expected = model;
    expected.window = 0;  // as long as the sequence: none
    CHECK(model_of_huggingface(huggingface_config(model, at::kFloat), "x") == expected);
  }
  CHECK(huggingface_layout(tiny_gpt2()) == HuggingFaceLayout::gpt2);
  CHECK(huggingface_layout(tiny_llama()) == HuggingFaceLayout::llama);
}

TEST_CASE("config.json names the type of the weights, and dropout where it is trained with") {
  const auto json = nlohmann::json::parse(huggingface_config(tiny_gpt2("dropout=0.25"), at::kBFloat16));
  CHECK(json.at("torch_dtype") == "bfloat16");
  CHECK(json.at("architectures") == nlohmann::json::array({"GPT2LMHeadModel"}));
  CHECK(json.at("resid_pdrop") == 0.25);
  CHECK(model_of_huggingface(json.dump(), "x").dropout == 0);
}

TEST_CASE("a model without a layout is refused with every key that does not fit either") {
  CHECK(layout_refusal(tiny_gpt2("norm=\"rmsnorm\"")) ==
        "this model has no layout in Hugging Face: for GPT-2 it has model.norm = rmsnorm; for Llama it has model.positions = learned, "
        "model.mlp = gelu");
  CHECK(layout_refusal(tiny_llama("positions=\"none\"")).find("for Llama it has model.positions = none") != std::string::npos);
  ModelShape both_ways = tiny_llama("window=4");
  both_ways.causal = false;
  CHECK(layout_refusal(both_ways).find("for Llama it has model.causal = false, model.window = 4") != std::string::npos);
  CHECK(layout_refusal(tiny_gpt2("kv_heads=2\nbiases=false\nhead_width=6\nmlp=\"swiglu\""))
            .find("for GPT-2 it has model.mlp = swiglu, model.biases = false, model.kv_heads = 2, model.head_width = 6;") !=
        std::string::npos);
  CHECK(layout_refusal(tiny_gpt2("positions=\"rotary\"")).find("for GPT-2 it has model.positions = rotary;") != std::string::npos);
}

TEST_CASE("what Ergon does not compute is refused on import, naming the key") {
  CHECK(import_refusal(tiny_gpt2(), "activation_function", "gelu_pytorch_tanh") == "no error");
  CHECK(import_refusal(tiny_gpt2(), "activation_function", "gelu") ==
        "the key 'activation_function' is \"gelu\", and Ergon computes \"gelu_new\" or \"gelu_pytorch_tanh\"");
  CHECK(import_refusal(tiny_gpt2(), "scale_attn_weights", false) == "the key 'scale_attn_weights' is false, and Ergon computes true");
  CHECK(import_refusal(tiny_gpt2(), "scale_attn_by_inverse_layer_idx", true).find("'scale_attn_by_inverse_layer_idx' is true") !=
        std::string::npos);
  CHECK(import_refusal(tiny_gpt2(), "layer_norm_epsilon", "x") == "the key 'layer_norm_epsilon' is not a number above 0");
  CHECK(import_refusal(tiny_gpt2(), "model_type", "t5").find("model_type 't5' is not read") == 0);
  CHECK(import_refusal(tiny_llama(), "rope_scaling", {{"rope_type", "default"}}) == "no error");
  CHECK(import_refusal(tiny_llama(), "rope_scaling", {{"rope_type", "llama3"}, {"factor", 8}}) ==
        "the key 'rope_scaling' scales the rotary frequencies, and Ergon does not");
  CHECK(import_refusal(tiny_llama(), "rope_scaling", {{"type", "linear"}}).find("'rope_scaling' scales") != std::string::npos);
  CHECK(import_refusal(tiny_llama(), "rope_parameters", 3).find("'rope_parameters' scales") != std::string::npos);
  CHECK(import_refusal(tiny_llama(), "rms_norm_eps", 0) == "the key 'rms_norm_eps' is not a number above 0");
  CHECK(import_refusal(tiny_llama(), "num_key_value_heads", 3).find("does not divide") != std::string::npos);
}

TEST_CASE("the rotary base is read where newer files keep it") {
  nlohmann::json json = nlohmann::json::parse(huggingface_config(tiny_llama(), at::kFloat));
  json.erase("rope_theta");
  CHECK(model_of_huggingface(json.dump(), "x").rope_theta == 1e4);
  json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 250.0}};
  CHECK(model_of_huggingface(json.dump(), "x").rope_theta == 250);
}
