// SPDX-License-Identifier: Apache-2.0
// A model whose parameters and messages are worked out by hand in tests.
#pragma once

#include "configs/model_shape.hpp"

namespace ergon::test {

inline ModelShape small_shape() {
  ModelShape shape;
  shape.layers = 2;
  shape.width = 8;
  shape.heads = 4;
  shape.kv_heads = 2;
  shape.head_width = 2;
  shape.ffn_width = 16;
  shape.vocabulary = 257;
  shape.sequence = 16;
  shape.norm = Norm::rmsnorm;
  shape.positions = Positions::rotary;
  shape.mlp = Mlp::swiglu;
  shape.biases = false;
  shape.tied = false;
  return shape;
}

}  // namespace ergon::test
