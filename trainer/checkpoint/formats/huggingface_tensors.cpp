// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/formats/huggingface_tensors.hpp"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <map>
#include <set>

#include "configs/error.hpp"
#include "trainer/checkpoint/formats/huggingface_config.hpp"
#include "trainer/model/declaration.hpp"
#include "trainer/storage.hpp"

namespace ergon {

namespace {

constexpr const char* tensors_way_out =
    "is it the folder of another model, or a damaged one? config.json and tensors have to belong together";

enum class Lies : std::uint8_t { as_ours, transposed };

class Table {
 public:
  // A weight, and where the model has one a bias, which never is transposed.
  void weight_and_bias(const std::string& name, const std::vector<std::string>& parts, Lies lies, bool bias) {
    add(name + ".weight", parts, ".weight", lies == Lies::transposed);
    if (bias) add(name + ".bias", parts, ".bias", false);
  }
  void weight(const std::string& name, const std::string& part) { add(name, {part}, "", false); }
  std::vector<HuggingFaceTensor> sorted() {
    std::sort(rows_.begin(), rows_.end(), [](const HuggingFaceTensor& a, const HuggingFaceTensor& b) { return a.name < b.name; });
    return std::move(rows_);
  }

 private:
  void add(const std::string& name, const std::vector<std::string>& parts, const char* suffix, bool transposed) {
    HuggingFaceTensor row{name, {}, transposed};
    for (const std::string& part : parts) row.parts.push_back(part + suffix);
    rows_.push_back(std::move(row));
  }
  std::vector<HuggingFaceTensor> rows_;
};

void gpt2_layer(Table& table, std::int64_t layer) {
  const std::string theirs = fmt::format("transformer.h.{}.", layer), ours = fmt::format("layers.{}.", layer);
  const std::string attention = ours + "attention.";
  table.weight_and_bias(theirs + "ln_1", {ours + "attention_norm"}, Lies::as_ours, true);
  table.weight_and_bias(theirs + "attn.c_attn", {attention + "query", attention + "key", attention + "value"}, Lies::transposed, true);
  table.weight_and_bias(theirs + "attn.c_proj", {attention + "output"}, Lies::transposed, true);
  table.weight_and_bias(theirs + "ln_2", {ours + "mlp_norm"}, Lies::as_ours, true);
  table.weight_and_bias(theirs + "mlp.c_fc", {ours + "mlp.up"}, Lies::transposed, true);
  table.weight_and_bias(theirs + "mlp.c_proj", {ours + "mlp.down"}, Lies::transposed, true);
}

void llama_layer(Table& table, std::int64_t layer, bool biases) {
  const std::string theirs = fmt::format("model.layers.{}.", layer), ours = fmt::format("layers.{}.", layer);
  table.weight_and_bias(theirs + "input_layernorm", {ours + "attention_norm"}, Lies::as_ours, false);
  for (const auto& [name, part] : {std::pair{"q_proj", "query"}, {"k_proj", "key"}, {"v_proj", "value"}, {"o_proj", "output"}})
    table.weight_and_bias(theirs + "self_attn." + name, {ours + "attention." + part}, Lies::as_ours, biases);
  table.weight_and_bias(theirs + "post_attention_layernorm", {ours + "mlp_norm"}, Lies::as_ours, false);
  for (const auto& [name, part] : {std::pair{"gate_proj", "gate"}, {"up_proj", "up"}, {"down_proj", "down"}})
    table.weight_and_bias(theirs + "mlp." + name, {ours + "mlp." + part}, Lies::as_ours, biases);
}

std::map<std::string, Extents> parameter_shapes(const ModelShape& model) {
  std::map<std::string, Extents> shapes;
  for (const ParameterSpec& spec : declare_parameters(model, 1, 0).specs) shapes[spec.name] = spec.global_shape;
  return shapes;
}

Extents shape_there(const HuggingFaceTensor& row, const std::map<std::string, Extents>& shapes) {
  Extents shape = shapes.at(row.parts.front());
  for (std::size_t i = 1; i < row.parts.size(); ++i) shape.front() += shapes.at(row.parts[i]).front();
  if (row.transposed) std::swap(shape.front(), shape.back());
  return shape;
}

[[noreturn]] void refuse_tensors(const std::string& what, const std::string& where) {
  throw Error(what, where, tensors_way_out, ExitCode::data);
}

// The names under which a file may have a tensor: the language model's, and the base model's.
const LazyTensor* find_either(const LazyTensors& tensors, const std::string& name) {
  if (const LazyTensor* found = find(tensors, name)) return found;
  const auto dot = name.find('.');
  return name.rfind("lm_head", 0) == 0 ? nullptr : find(tensors, name.substr(dot + 1));
}

// What older files keep besides the weights: causal masks and rotary frequencies.
bool is_buffer(const std::string& name) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") || name.ends_with(".rotary_emb.inv_freq");
}

void check_tied_head(const LazyTensor& head, const LazyTensor& table, const std::string& where) {
  if (head.shape != table.shape || head.dtype != table.dtype || !head.read().equal(table.read()))
    refuse_tensors(fmt::format("config.json ties the head to the embedding, but {} is not equal to {}", head.name, table.name), where);
}

}  // namespace

std::vector<HuggingFaceTensor> huggingface_tensors(const ModelShape& model) {
  Table table;
  if (huggingface_layout(model) == HuggingFaceLayout::gpt2) {
    table.weight("transformer.wte.weight", "embedding.tokens.weight");
    table.weight("transformer.wpe.weight", "embedding.positions.weight");
    for (std::int64_t layer = 0; layer < model.layers; ++layer) gpt2_layer(table, layer);
    table.weight_and_bias("transformer.ln_f", {"head.norm"}, Lies::as_ours, true);
  } else {
    table.weight("model.embed_tokens.weight", "embedding.tokens.weight");
    for (std::int64_t layer = 0; layer < model.layers; ++layer) llama_layer(table, layer, model.biases);
    table.weight_and_bias("model.norm", {"head.norm"}, Lies::as_ours, false);
  }
  if (!model.tied) table.weight("lm_head.weight", "head.weight");
  return table.sorted();
}

LazyTensors to_huggingface(const ModelShape& model, const LazyTensors& parameters) {
  LazyTensors tensors;
  const auto shapes = parameter_shapes(model);
  for (const HuggingFaceTensor& row : huggingface_tensors(model)) {
    std::vector<LazyTensor> parts;
    for (const std::string& name : row.parts) {
      const LazyTensor* part = find(parameters, name);
      ERGON_CHECK(part != nullptr && part->shape == shapes.at(name), "{} is not there in the shape of its model", name);
      parts.push_back(*part);
    }
    tensors.push_back({row.name, parts.front().dtype, shape_there(row, shapes), [parts, transposed = row.transposed] {
                         std::vector<at::Tensor> values;
                         for (const LazyTensor& part : parts) values.push_back(value_of(part));
                         const at::Tensor whole = values.size() == 1 ? values.front() : at::cat(values, 0);
                         return transposed ? whole.t().contiguous() : whole;
                       }});
  }
  return tensors;
}

LazyTensors from_huggingface(const ModelShape& model, const LazyTensors& tensors, const std::string& where) {
  const auto shapes = parameter_shapes(model);
  std::set<std::string> used;
  std::vector<std::string> missing;
  LazyTensors parameters;
  for (const HuggingFaceTensor& row : huggingface_tensors(model)) {
    const LazyTensor* tensor = find_either(tensors, row.name);
    if (tensor == nullptr) {
      missing.push_back(row.name);
      continue;
    }
    used.insert(tensor->name);
    if (const Extents expected = shape_there(row, shapes); tensor->shape != expected)
      refuse_tensors(fmt::format("tensor {} is {}, the model has {}", tensor->name, extents_text(tensor->shape), extents_text(expected)),
                     where);
    std::int64_t first = 0;
    for (const std::string& name : row.parts) {
      const Extents& shape = shapes.at(name);
      parameters.push_back({name, tensor->dtype, shape, [tensor = *tensor, transposed = row.transposed, first, rows = shape.front()] {
                              const at::Tensor value = value_of(tensor);
                              return (transposed ? value.t() : value).narrow(0, first, rows).contiguous();
                            }});
      first += shape.front();
    }
  }
  if (!missing.empty()) refuse_tensors(fmt::format("these tensors are missing: {}", fmt::join(missing, ", ")), where);
  for (const LazyTensor& tensor : tensors) {
    if (used.contains(tensor.name) || is_buffer(tensor.name)) continue;
    if (tensor.name != "lm_head.weight")
      refuse_tensors(fmt::format("tensor '{}' belongs to no model of this layout", shown_name(tensor.name)), where);
    const bool gpt2 = huggingface_layout(model) == HuggingFaceLayout::gpt2;
    check_tied_head(tensor, *find_either(tensors, gpt2 ? "transformer.wte.weight" : "model.embed_tokens.weight"), where);
  }
  std::sort(parameters.begin(), parameters.end(), [](const LazyTensor& a, const LazyTensor& b) { return a.name < b.name; });
  return parameters;
}

void check_parameters(const ModelShape& model, const LazyTensors& parameters, const std::string& where) {
  const auto shapes = parameter_shapes(model);
  for (const auto& [name, shape] : shapes) {
    const LazyTensor* parameter = find(parameters, name);
    if (parameter == nullptr) refuse_tensors(fmt::format("the parameter {} is missing", name), where);
    if (parameter->shape != shape)
      refuse_tensors(fmt::format("parameter {} is {}, the model has {}", name, extents_text(parameter->shape), extents_text(shape)), where);
  }
  for (const LazyTensor& parameter : parameters)
    if (!shapes.contains(parameter.name)) refuse_tensors(fmt::format("the model has no parameter '{}'", shown_name(parameter.name)), where);
}

}  // namespace ergon
