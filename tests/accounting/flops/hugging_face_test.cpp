// SPDX-License-Identifier: Apache-2.0
#include "accounting/flops/hugging_face.hpp"

#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/parse.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

json gpt2_config() {
  return {{"model_type", "gpt2"}, {"n_layer", 2}, {"n_embd", 24}, {"n_head", 4}, {"vocab_size", 100}, {"n_positions", 16}};
}
json llama_config() {
  return {{"model_type", "llama"},        {"num_hidden_layers", 2},   {"hidden_size", 24},
          {"intermediate_size", 40},      {"num_attention_heads", 4}, {"vocab_size", 100},
          {"max_position_embeddings", 16}};
}

ModelShape shape_of(const json& config) {
  return parse_run_text(model_section_of_hugging_face(config.dump(), "config.json"), "config.json", {}, Purpose::describe).model;
}

std::string refusal(json config, const json& changes) {
  config.update(changes);
  try {
    shape_of(config);
  } catch (const Error& error) {
    CHECK(error.where() == "config.json");
    CHECK_FALSE(error.hint().empty());
    return error.problem();
  }
  return "accepted";
}

json with(json config, const json& changes) {
  config.update(changes);
  return config;
}

}  // namespace

TEST_CASE("GPT-2: every key that moves a FLOP, and the defaults of those that may be absent") {
  const ModelShape shape = shape_of(gpt2_config());
  CHECK(shape.layers == 2);
  CHECK(shape.width == 24);
  CHECK(shape.heads == 4);
  CHECK(shape.kv_heads == 4);
  CHECK(shape.head_width == 6);
  CHECK(shape.ffn_width == 96);
  CHECK(shape.vocabulary == 100);
  CHECK(shape.sequence == 16);
  CHECK(shape.mlp == Mlp::gelu);
  CHECK(shape.norm == Norm::layernorm);
  CHECK(shape.positions == Positions::learned);
  CHECK(shape.biases);
  CHECK(shape.tied);
  CHECK(shape_of(with(gpt2_config(), {{"n_inner", 50}})).ffn_width == 50);
  CHECK(shape_of(with(gpt2_config(), {{"n_inner", nullptr}})).ffn_width == 96);
  CHECK_FALSE(shape_of(with(gpt2_config(), {{"tie_word_embeddings", false}})).tied);
}

TEST_CASE("Llama: every key that moves a FLOP, and the defaults of those that may be absent") {
  const ModelShape shape = shape_of(llama_config());
  CHECK(shape.layers == 2);
  CHECK(shape.width == 24);
  CHECK(shape.heads == 4);
  CHECK(shape.kv_heads == 4);
  CHECK(shape.head_width == 6);
  CHECK(shape.ffn_width == 40);
  CHECK(shape.vocabulary == 100);
  CHECK(shape.sequence == 16);
  CHECK(shape.mlp == Mlp::swiglu);
  CHECK(shape.norm == Norm::rmsnorm);
  CHECK(shape.positions == Positions::rotary);
  CHECK_FALSE(shape.biases);
  CHECK_FALSE(shape.tied);
  CHECK(shape_of(with(llama_config(), {{"num_key_value_heads", 2}})).kv_heads == 2);
  CHECK(shape_of(with(llama_config(), {{"head_dim", 10}})).head_width == 10);
  CHECK(shape_of(with(llama_config(), {{"tie_word_embeddings", true}})).tied);
  CHECK(shape_of(with(llama_config(), {{"attention_bias", true}, {"mlp_bias", true}})).biases);
}

TEST_CASE("architectures whose FLOPs are not counted are refused by name") {
  const auto type = [](const char* name) { return refusal(gpt2_config(), {{"model_type", name}}); };
  CHECK(type("mixtral") == "model_type 'mixtral' is not read: Ergon reads gpt2 and llama, and this is a mixture of experts");
  CHECK_THAT(type("qwen3_moe"), Contains("a mixture of experts"));
  CHECK_THAT(type("deepseek_v3"), Contains("latent attention"));
  CHECK_THAT(type("mamba2"), Contains("a state-space model"));
  CHECK_THAT(type("RWKV"), Contains("a recurrent model"));
  CHECK_THAT(type("t5"), Contains("an encoder with a decoder"));
  CHECK_THAT(type("falcon"), Contains("'falcon' is not read") && Contains("not one of them"));
  CHECK_THAT(refusal(llama_config(), {{"num_local_experts", 8}}), Contains("'num_local_experts' makes this a mixture of experts"));
  CHECK_THAT(refusal(llama_config(), {{"kv_lora_rank", 512}}), Contains("latent attention"));
  CHECK_THAT(refusal(llama_config(), {{"sliding_window", 4096}}), Contains("a sliding window"));
  CHECK_THAT(refusal(gpt2_config(), {{"add_cross_attention", true}}), Contains("cross-attention"));
  CHECK_THAT(refusal(llama_config(), {{"ssm_cfg", {{"layer", "Mamba2"}}}}), Contains("a state-space model"));
  // Switched off they are nothing.
  CHECK(refusal(llama_config(),
                {{"num_local_experts", 0}, {"sliding_window", nullptr}, {"add_cross_attention", false}, {"ssm_cfg", json::object()}}) ==
        "accepted");
}

TEST_CASE("what is missing, out of range or of another kind is refused by its key") {
  json without = llama_config();
  without.erase("hidden_size");
  CHECK(refusal(without, json::object()) == "the key 'hidden_size' is missing");
  without.erase("model_type");
  CHECK(refusal(without, json::object()) == "the key 'model_type' is missing");
  CHECK(refusal(gpt2_config(), {{"n_layer", 0}}) == "'n_layer' takes a whole number of 1 or more, not 0");
  CHECK(refusal(gpt2_config(), {{"n_layer", "12"}}) == "'n_layer' takes a whole number of 1 or more, not \"12\"");
  CHECK(refusal(gpt2_config(), {{"n_layer", 1.5}}) == "'n_layer' takes a whole number of 1 or more, not 1.5");
  CHECK(refusal(gpt2_config(), {{"n_layer", UINT64_MAX}}) == "'n_layer' takes a whole number of 1 or more, not 18446744073709551615");
  CHECK(refusal(gpt2_config(), {{"n_head", 5}}) == "'n_embd' 24 is not a multiple of 'n_head' 5");
  CHECK(refusal(llama_config(), {{"num_key_value_heads", 3}}) == "'num_key_value_heads' 3 does not divide 'num_attention_heads' 4");
  CHECK(refusal(gpt2_config(), {{"tie_word_embeddings", "yes"}}) == "'tie_word_embeddings' takes true or false, not \"yes\"");
  CHECK(refusal(gpt2_config(), {{"model_type", 7}}) == "'model_type' takes a text, not 7");
  CHECK_THAT(refusal(gpt2_config(), {{"activation_function", "relu"}}), Contains("activation_function 'relu'"));
  CHECK_THAT(refusal(llama_config(), {{"hidden_act", "gelu"}}), Contains("hidden_act 'gelu'"));
  CHECK_THAT(refusal(llama_config(), {{"attention_bias", true}}), Contains("'attention_bias' and 'mlp_bias' differ"));
  for (const char* text : {"", "[1]", "{\"model_type\": \"gpt2\"", "gpt2"})
    CHECK_THROWS_WITH(model_section_of_hugging_face(text, "config.json"), Contains("is not a JSON object"));
  // The value of a key goes into the message, and whoever prints it would recurse.
  const std::string deep =
      R"({"model_type": "gpt2", "activation_function": )" + std::string(500'000, '[') + std::string(500'000, ']') + "}";
  CHECK_THROWS_WITH(model_section_of_hugging_face(deep, "config.json"), Contains("nests too deep"));
}
