// SPDX-License-Identifier: Apache-2.0
// The config.json of a Hugging Face model beside our [model]: which models have a layout there, and the two ways between them.
//
//   gpt2    layernorm, learned positions, gelu, biases, as many key heads as heads, width = heads x head_width
//   llama   rmsnorm, rotary positions, swiglu; with biases in all linear layers or in none
//
// Both: causal, no window that is shorter than the sequence; tied or not.
#pragma once

#include <c10/core/ScalarType.h>

#include <string>

#include "configs/model_shape.hpp"

namespace ergon {

inline constexpr const char* huggingface_config_file = "config.json";

enum class HuggingFaceLayout { gpt2, llama };

// Throws Error (ExitCode::config) that names, for each of the two, the keys that do not fit.
HuggingFaceLayout huggingface_layout(const ModelShape& model);

// Text of config.json for weights of this type.
std::string huggingface_config(const ModelShape& model, at::ScalarType dtype);

// The [model] of a config.json. model.dropout is 0: it is no property of weights. Throws Error (ExitCode::data), naming the key, for what
// Ergon does not compute: another activation, scaled rotary frequencies, another architecture.
ModelShape model_of_huggingface(const std::string& json, const std::string& where);

}  // namespace ergon
