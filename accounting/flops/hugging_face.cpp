// SPDX-License-Identifier: Apache-2.0
#include "accounting/flops/hugging_face.hpp"

#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/shallow_json.hpp"
#include "configs/text.hpp"

namespace ergon {
namespace {

using PlainJson = nlohmann::json;

constexpr const char* way_out = "describe the model in a [model] section if it is a plain decoder: `ergon flops --help`";

// The keys of one file. A key that is absent or null takes its default where there is one.
class HuggingFaceConfig {
 public:
  HuggingFaceConfig(const PlainJson& json, const std::string& source) : json_(json), source_(source) {}

  bool has(const char* key) const { return json_.contains(key) && !json_.at(key).is_null(); }

  std::int64_t size(const char* key) const {
    if (!has(key)) throw refuse(fmt::format("the key '{}' is missing", key), "is this the config.json of a whole model?");
    const PlainJson& value = json_.at(key);
    const bool whole = value.is_number_integer() && (!value.is_number_unsigned() || value.get<std::uint64_t>() <= INT64_MAX);
    if (!whole || value.get<std::int64_t>() < 1)
      throw refuse(fmt::format("'{}' takes a whole number of 1 or more, not {}", key, value.dump()), "correct it");
    return value.get<std::int64_t>();
  }
  std::int64_t size(const char* key, std::int64_t otherwise) const { return has(key) ? size(key) : otherwise; }

  bool flag(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    if (!json_.at(key).is_boolean()) throw refuse(fmt::format("'{}' takes true or false, not {}", key, json_.at(key).dump()), "correct it");
    return json_.at(key).get<bool>();
  }

  std::string word(const char* key, const char* otherwise) const {
    if (!has(key)) return otherwise;
    if (!json_.at(key).is_string()) throw refuse(fmt::format("'{}' takes a text, not {}", key, json_.at(key).dump()), "correct it");
    return json_.at(key).get<std::string>();
  }

  // Switched on: a number above 0, true, a list or text that is not empty.
  bool switched_on(const char* key) const {
    if (!has(key)) return false;
    const PlainJson& value = json_.at(key);
    if (value.is_boolean()) return value.get<bool>();
    if (value.is_number()) return value.get<double>() > 0;
    return !value.empty();
  }

  Error refuse(const std::string& what, const std::string& hint) const { return Error(what, source_, hint); }

 private:
  const PlainJson& json_;
  std::string source_;
};

struct UnknownTerm {
  const char* key;
  const char* is;
};
constexpr UnknownTerm unknown_terms[] = {{"num_local_experts", "a mixture of experts"},
                                         {"num_experts", "a mixture of experts"},
                                         {"n_routed_experts", "a mixture of experts"},
                                         {"moe_intermediate_size", "a mixture of experts"},
                                         {"kv_lora_rank", "latent attention"},
                                         {"q_lora_rank", "latent attention"},
                                         {"ssm_cfg", "a state-space model"},
                                         {"state_size", "a state-space model"},
                                         {"mamba_d_state", "a state-space model"},
                                         {"sliding_window", "a sliding window"},
                                         {"add_cross_attention", "cross-attention"},
                                         {"is_encoder_decoder", "an encoder"}};

void require_known_terms(const HuggingFaceConfig& config) {
  for (const UnknownTerm& term : unknown_terms) {
    if (config.switched_on(term.key))
      throw config.refuse(fmt::format("'{}' makes this {}, whose FLOPs Ergon does not count", term.key, term.is), way_out);
  }
}

// Families that people will try, so that the refusal says what they are.
const char* family(const std::string& type) {
  struct Known {
    const char* part;
    const char* is;
  };
  constexpr Known known[] = {
      {"mixtral", "a mixture of experts"}, {"moe", "a mixture of experts"},       {"dbrx", "a mixture of experts"},
      {"gpt_oss", "a mixture of experts"}, {"llama4", "a mixture of experts"},    {"deepseek", "latent attention and a mixture of experts"},
      {"mamba", "a state-space model"},    {"jamba", "a state-space model"},      {"rwkv", "a recurrent model"},
      {"t5", "an encoder with a decoder"}, {"bart", "an encoder with a decoder"}, {"bert", "an encoder"}};
  for (const Known& row : known)
    if (type.find(row.part) != std::string::npos) return row.is;
  return "not one of them";
}

// The head width and what follows from the heads; `width` by its Hugging Face key.
std::int64_t head_width(const HuggingFaceConfig& config, const char* width, const char* heads) {
  if (config.has("head_dim")) return config.size("head_dim");
  if (config.size(width) % config.size(heads) != 0)
    throw config.refuse(fmt::format("'{}' {} is not a multiple of '{}' {}", width, config.size(width), heads, config.size(heads)),
                        "correct one of them, or give 'head_dim'");
  return config.size(width) / config.size(heads);
}

std::string section(std::initializer_list<std::pair<const char*, std::int64_t>> sizes) {
  std::string text = "[model]\n";
  for (const auto& [key, value] : sizes) text += fmt::format("{} = {}\n", key, value);
  return text;
}

std::string gpt2_section(const HuggingFaceConfig& config) {
  const std::string activation = config.word("activation_function", "gelu_new");
  if (activation.rfind("gelu", 0) != 0)
    throw config.refuse(fmt::format("activation_function '{}' is none that Ergon trains GPT-2 with", activation),
                        "gelu, gelu_new, gelu_fast");
  const std::int64_t width = config.size("n_embd");
  return section({{"layers", config.size("n_layer")},
                  {"width", width},
                  {"heads", config.size("n_head")},
                  {"head_width", head_width(config, "n_embd", "n_head")},
                  {"ffn_width", config.size("n_inner", 4 * width)},
                  {"vocabulary", config.size("vocab_size")},
                  {"sequence", config.size("n_positions")}}) +
         fmt::format("norm = \"layernorm\"\npositions = \"learned\"\nmlp = \"gelu\"\nbiases = true\ntied = {}\n",
                     config.flag("tie_word_embeddings", true));
}

std::string llama_section(const HuggingFaceConfig& config) {
  const std::string activation = config.word("hidden_act", "silu");
  if (activation != "silu") throw config.refuse(fmt::format("hidden_act '{}' is none that Ergon trains Llama with", activation), "silu");
  const bool biases = config.flag("attention_bias", false);
  if (config.flag("mlp_bias", false) != biases)
    throw config.refuse("'attention_bias' and 'mlp_bias' differ, and model.biases is one switch for both", way_out);
  const std::int64_t heads = config.size("num_attention_heads"), kv_heads = config.size("num_key_value_heads", heads);
  if (heads % kv_heads != 0)
    throw config.refuse(fmt::format("'num_key_value_heads' {} does not divide 'num_attention_heads' {}", kv_heads, heads),
                        "correct one of them");
  return section({{"layers", config.size("num_hidden_layers")},
                  {"width", config.size("hidden_size")},
                  {"heads", heads},
                  {"kv_heads", kv_heads},
                  {"head_width", head_width(config, "hidden_size", "num_attention_heads")},
                  {"ffn_width", config.size("intermediate_size")},
                  {"vocabulary", config.size("vocab_size")},
                  {"sequence", config.size("max_position_embeddings")}}) +
         fmt::format("norm = \"rmsnorm\"\npositions = \"rotary\"\nmlp = \"swiglu\"\nbiases = {}\ntied = {}\n", biases,
                     config.flag("tie_word_embeddings", false));
}

}  // namespace

std::string model_section_of_hugging_face(const std::string& json, const std::string& source) {
  const PlainJson parsed = try_parse_shallow<PlainJson>(json);
  if (!parsed.is_object())
    throw Error("is not a JSON object, or nests too deep", source, "a config.json of Hugging Face, or a run file named .toml");
  const HuggingFaceConfig config(parsed, source);
  const std::string type = config.word("model_type", "");
  if (type.empty()) throw config.refuse("the key 'model_type' is missing", "a config.json of Hugging Face says \"gpt2\" or \"llama\"");
  if (type != "gpt2" && type != "llama")
    throw config.refuse(fmt::format("model_type '{}' is not read: Ergon reads gpt2 and llama, and this is {}", type, family(lower(type))),
                        way_out);
  require_known_terms(config);
  return type == "gpt2" ? gpt2_section(config) : llama_section(config);
}

}  // namespace ergon
