// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/formats/huggingface_config.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "accounting/flops/hugging_face.hpp"
#include "configs/error.hpp"
#include "configs/names.hpp"
#include "configs/parse.hpp"
#include "configs/shallow_json.hpp"
#include "configs/toml.hpp"
#include "trainer/checkpoint/format.hpp"

namespace ergon {

namespace {

using Json = nlohmann::ordered_json;

// What of a model is otherwise than a layout has it: "model.norm = rmsnorm".
class Mismatches {
 public:
  void require(bool fits, const std::string& is) {
    if (!fits) found_.push_back("model." + is);
  }
  bool empty() const { return found_.empty(); }
  std::string text() const { return fmt::format("{}", fmt::join(found_, ", ")); }

 private:
  std::vector<std::string> found_;
};

void require_common(Mismatches& mismatches, const ModelShape& model) {
  mismatches.require(model.causal, "causal = false");
  mismatches.require(model.window == 0 || model.window >= model.sequence, fmt::format("window = {}", model.window));
}

Mismatches against_gpt2(const ModelShape& model) {
  Mismatches mismatches;
  mismatches.require(model.norm == Norm::layernorm, fmt::format("norm = {}", choice_name(model.norm)));
  mismatches.require(model.positions == Positions::learned, fmt::format("positions = {}", choice_name(model.positions)));
  mismatches.require(model.mlp == Mlp::gelu, fmt::format("mlp = {}", choice_name(model.mlp)));
  mismatches.require(model.biases, "biases = false");
  mismatches.require(model.kv_heads == model.heads, fmt::format("kv_heads = {}", model.kv_heads));
  mismatches.require(model.head_width * model.heads == model.width, fmt::format("head_width = {}", model.head_width));
  require_common(mismatches, model);
  return mismatches;
}

Mismatches against_llama(const ModelShape& model) {
  Mismatches mismatches;
  mismatches.require(model.norm == Norm::rmsnorm, fmt::format("norm = {}", choice_name(model.norm)));
  mismatches.require(model.positions == Positions::rotary, fmt::format("positions = {}", choice_name(model.positions)));
  mismatches.require(model.mlp == Mlp::swiglu, fmt::format("mlp = {}", choice_name(model.mlp)));
  require_common(mismatches, model);
  return mismatches;
}

Json gpt2_json(const ModelShape& model) {
  return {{"architectures", {"GPT2LMHeadModel"}},
          {"model_type", "gpt2"},
          {"activation_function", "gelu_new"},
          {"n_layer", model.layers},
          {"n_embd", model.width},
          {"n_head", model.heads},
          {"n_inner", model.ffn_width},
          {"n_positions", model.sequence},
          {"vocab_size", model.vocabulary},
          {"layer_norm_epsilon", model.norm_epsilon},
          {"initializer_range", model.init_std},
          {"attn_pdrop", model.dropout},
          {"embd_pdrop", model.dropout},
          {"resid_pdrop", model.dropout},
          {"scale_attn_weights", true},
          {"tie_word_embeddings", model.tied}};
}

Json llama_json(const ModelShape& model) {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"hidden_act", "silu"},
          {"num_hidden_layers", model.layers},
          {"hidden_size", model.width},
          {"num_attention_heads", model.heads},
          {"num_key_value_heads", model.kv_heads},
          {"head_dim", model.head_width},
          {"intermediate_size", model.ffn_width},
          {"max_position_embeddings", model.sequence},
          {"vocab_size", model.vocabulary},
          {"rms_norm_eps", model.norm_epsilon},
          {"rope_theta", model.rope_theta},
          {"rope_scaling", nullptr},
          {"attention_bias", model.biases},
          {"mlp_bias", model.biases},
          {"attention_dropout", model.dropout},
          {"initializer_range", model.init_std},
          {"tie_word_embeddings", model.tied}};
}

// The keys that model_section_of_hugging_face leaves out, because they move no FLOPs.
class Details {
 public:
  Details(const Json& json, const std::string& where) : json_(json), where_(where) {}

  double number(const char* key, double otherwise) const {
    if (!json_.contains(key) || json_.at(key).is_null()) return otherwise;
    if (!json_.at(key).is_number() || !(json_.at(key).get<double>() > 0)) refuse(key, "is not a number above 0");
    return json_.at(key).get<double>();
  }
  // Absent, null, or one of these.
  void require(const char* key, const Json& known) const {
    if (!json_.contains(key) || json_.at(key).is_null()) return;
    if (std::find(known.begin(), known.end(), json_.at(key)) == known.end())
      refuse(key, fmt::format("is {}, and Ergon computes {}", json_.at(key).dump(), fmt::join(texts(known), " or ")));
  }
  // The base of the frequencies: a key of its own, or among the parameters of newer files.
  double rope_theta() const {
    const char* parameters = json_.contains("rope_parameters") ? "rope_parameters" : "rope_scaling";
    if (!json_.contains(parameters) || json_.at(parameters).is_null()) return number("rope_theta", 1e4);
    const Json& rope = json_.at(parameters);
    for (const char* type : {"rope_type", "type"})
      if (!rope.is_object() || (rope.contains(type) && rope.at(type) != "default"))
        refuse(parameters, "scales the rotary frequencies, and Ergon does not");
    return Details(rope, where_).number("rope_theta", number("rope_theta", 1e4));
  }

 private:
  static std::vector<std::string> texts(const Json& values) {
    std::vector<std::string> words;
    for (const Json& value : values) words.push_back(value.dump());
    return words;
  }
  [[noreturn]] void refuse(const char* key, const std::string& why) const {
    throw Error(fmt::format("the key '{}' {}", key, why), where_,
                "Ergon reads plain GPT-2 and Llama models: trainer/checkpoint/formats/README.md", ExitCode::data);
  }
  const Json& json_;
  const std::string& where_;
};

std::string gpt2_details(const Details& details) {
  details.require("activation_function", {"gelu_new", "gelu_pytorch_tanh"});
  details.require("scale_attn_weights", {true});
  details.require("scale_attn_by_inverse_layer_idx", {false});
  return fmt::format("norm_epsilon = {}\n", toml_number(details.number("layer_norm_epsilon", 1e-5)));
}

std::string llama_details(const Details& details) {
  return fmt::format("norm_epsilon = {}\nrope_theta = {}\n", toml_number(details.number("rms_norm_eps", 1e-6)),
                     toml_number(details.rope_theta()));
}

}  // namespace

HuggingFaceLayout huggingface_layout(const ModelShape& model) {
  const Mismatches gpt2 = against_gpt2(model), llama = against_llama(model);
  if (gpt2.empty()) return HuggingFaceLayout::gpt2;
  if (llama.empty()) return HuggingFaceLayout::llama;
  throw Error(fmt::format("this model has no layout in Hugging Face: for GPT-2 it has {}; for Llama it has {}", gpt2.text(), llama.text()),
              "", "--format hdf5 exports any model, under its own names");
}

std::string huggingface_config(const ModelShape& model, at::ScalarType dtype) {
  Json json = huggingface_layout(model) == HuggingFaceLayout::gpt2 ? gpt2_json(model) : llama_json(model);
  json["bos_token_id"] = nullptr;
  json["eos_token_id"] = nullptr;
  json["torch_dtype"] = stored_dtype_name(dtype);
  json["use_cache"] = true;
  return json.dump(2) + "\n";
}

ModelShape model_of_huggingface(const std::string& text, const std::string& where) {
  try {
    std::string section = model_section_of_hugging_face(text, where);
    const Json json = parse_shallow<Json>(text);
    const Details details(json, where);
    section += json.at("model_type") == "gpt2" ? gpt2_details(details) : llama_details(details);
    section += fmt::format("init_std = {}\n", toml_number(details.number("initializer_range", 0.02)));
    return parse_run_text(section, where, {}, Purpose::describe).model;
  } catch (const Error& error) {
    throw Error(error.problem(), error.where(), error.hint(), ExitCode::data);  // the file is wrong, not the line
  }
}

}  // namespace ergon
