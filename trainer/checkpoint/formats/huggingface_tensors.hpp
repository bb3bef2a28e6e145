// SPDX-License-Identifier: Apache-2.0
// The tensors of a model under the names and in the layout of Hugging Face, and back. Both ways are one table: a tensor there is one of
// ours, or, in GPT-2's c_attn, query, key and value one below another; GPT-2's linear weights are [in, out] there, everything else lies as
// ours does. Rotary pairs are half-split in both, so no rows move.
//
//   layers.3.attention.{query, key, value}.weight, each [D, D]  ->  transformer.h.3.attn.c_attn.weight [D, 3 D]
//   layers.3.mlp.gate.weight [F, D]                             ->  model.layers.3.mlp.gate_proj.weight [F, D]
#pragma once

#include <string>
#include <vector>

#include "configs/model_shape.hpp"
#include "trainer/checkpoint/lazy_tensor.hpp"

namespace ergon {

struct HuggingFaceTensor {
  std::string name;
  std::vector<std::string> parts;  // our names, one below another
  bool transposed = false;
};

// Of a model that has a layout there (huggingface_layout throws for others), in the order of their names.
std::vector<HuggingFaceTensor> huggingface_tensors(const ModelShape& model);

// `parameters`: by our names.
LazyTensors to_huggingface(const ModelShape& model, const LazyTensors& parameters);

// By our names, in order. What the base model alone would hold (without "transformer." or "model." in front) is read too; masks and
// frequencies that older files keep are left out, and a head that repeats a tied table must be equal to it. Throws Error (ExitCode::data)
// at `where`, naming the tensors, for what is missing, of another shape, or unknown.
LazyTensors from_huggingface(const ModelShape& model, const LazyTensors& tensors, const std::string& where);

// Throws Error (ExitCode::data) at `where` unless these are exactly the parameters of the model, by our names.
void check_parameters(const ModelShape& model, const LazyTensors& parameters, const std::string& where);

}  // namespace ergon
