// SPDX-License-Identifier: Apache-2.0
// The shape of a decoder transformer: what [model] of a run file says, after presets and defaults are resolved. SPEC of the semantics:
// trainer/model/README.md.
//
// Letters of the dims used everywhere: B batch, T sequence, D model width, H query heads, K key/value heads, Q head width, F feed-forward
// width, V vocabulary, L layers.
#pragma once

#include <cstdint>
#include <string>

namespace ergon {

enum class Norm { layernorm, rmsnorm };
enum class Positions { learned, rotary, none };
enum class Mlp { gelu, swiglu };

struct ModelShape {
  std::string preset;             // empty when none was named
  std::int64_t layers = 4;        // L
  std::int64_t width = 128;       // D
  std::int64_t heads = 4;         // H
  std::int64_t kv_heads = 4;      // K, divides H
  std::int64_t head_width = 32;   // Q
  std::int64_t ffn_width = 512;   // F
  std::int64_t vocabulary = 256;  // V, without padding
  std::int64_t sequence = 128;    // T
  std::int64_t window = 0;        // the last `window` keys are visible, own position included; 0: all
  bool causal = true;             // a position sees itself and what is before it; false: the whole sequence
  double dropout = 0.0;
  Norm norm = Norm::layernorm;
  Positions positions = Positions::learned;
  Mlp mlp = Mlp::gelu;
  bool biases = true;
  bool tied = true;
  double rope_theta = 1e4;
  double norm_epsilon = 1e-5;
  double init_std = 0.02;

  bool operator==(const ModelShape&) const = default;
};

}  // namespace ergon
