// SPDX-License-Identifier: Apache-2.0
// The parameters of each layer, by id. Layers hold these and never tensors: a ParameterStore gives the views for as long as a unit is
// acquired.
#pragma once

#include "trainer/model/parameter.hpp"

namespace ergon {

inline constexpr ParameterId no_parameter = -1;

// Weights first..last follow each other without a gap and act as one matrix [sum of out, in]; so do their biases.
struct LinearIds {
  ParameterId weight_first = no_parameter, weight_last = no_parameter;
  ParameterId bias_first = no_parameter, bias_last = no_parameter;  // no_parameter: no bias
};

struct NormIds {
  ParameterId weight = no_parameter;
  ParameterId bias = no_parameter;  // layernorm with biases only
};

struct EmbeddingIds {
  ParameterId tokens = no_parameter;
  ParameterId positions = no_parameter;  // learned positions only
};

struct AttentionIds {
  LinearIds qkv;     // query, key, value: column-parallel
  LinearIds output;  // row-parallel
};

struct MlpIds {
  LinearIds up;    // gate and up (swiglu), or up (gelu): column-parallel
  LinearIds down;  // row-parallel
};

struct BlockIds {
  NormIds attention_norm;
  AttentionIds attention;
  NormIds mlp_norm;
  MlpIds mlp;
};

struct HeadIds {
  NormIds norm;
  ParameterId table = no_parameter;  // head.weight, or embedding.tokens.weight when tied
};

}  // namespace ergon
