// SPDX-License-Identifier: Apache-2.0
// Published shapes, written out here so that accounting is tested without the presets of configs/.
#pragma once

#include "configs/model_shape.hpp"

namespace ergon::test {

inline ModelShape gpt2(std::int64_t layers, std::int64_t width, std::int64_t heads) {
  ModelShape s;
  s.layers = layers;
  s.width = width;
  s.heads = s.kv_heads = heads;
  s.head_width = width / heads;
  s.ffn_width = 4 * width;
  s.vocabulary = 50257;
  s.sequence = 1024;
  return s;
}
inline ModelShape gpt2_124m() { return gpt2(12, 768, 12); }
inline ModelShape gpt2_1558m() { return gpt2(48, 1600, 25); }

inline ModelShape llama(std::int64_t layers, std::int64_t width, std::int64_t heads, std::int64_t kv_heads, std::int64_t ffn,
                        std::int64_t vocabulary, std::int64_t sequence) {
  ModelShape s = gpt2(layers, width, heads);
  s.kv_heads = kv_heads;
  s.ffn_width = ffn;
  s.vocabulary = vocabulary;
  s.sequence = sequence;
  s.norm = Norm::rmsnorm;
  s.positions = Positions::rotary;
  s.mlp = Mlp::swiglu;
  s.biases = s.tied = false;
  return s;
}
inline ModelShape llama2_7b() { return llama(32, 4096, 32, 32, 11008, 32000, 4096); }
inline ModelShape llama3_8b() { return llama(32, 4096, 32, 8, 14336, 128256, 8192); }
inline ModelShape llama3_70b() { return llama(80, 8192, 64, 8, 28672, 128256, 8192); }
inline ModelShape llama3_405b() { return llama(126, 16384, 128, 8, 53248, 128256, 8192); }

// Small and uneven: grouped heads, a vocabulary that does not divide.
inline ModelShape tiny() {
  ModelShape s = llama(2, 24, 4, 2, 40, 257, 12);
  s.head_width = 8;
  return s;
}

}  // namespace ergon::test
