// SPDX-License-Identifier: Apache-2.0
// A published formula, applied to a shape: what it calls N, its FLOPs, and what its source prints beside it; or the reason why the shape
// is none that the formula is about. A formula is never stretched: what it assumes and the shape does not keep is named.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "accounting/flops/flop_form.hpp"
#include "configs/model_shape.hpp"

namespace ergon {

// Another figure that the same source prints: hardware FLOPs with recompute, a term left out of the main figure.
struct PrintedBeside {
  const char* key;
  const char* definition;
  FlopForm form;
};

struct FormulaOfShape {
  std::string refused;                     // why the formula says nothing about the shape; empty: it applies
  std::optional<std::int64_t> parameters;  // what the formula calls N
  std::string no_parameters;               // why there is none
  FlopForm training;
  std::vector<PrintedBeside> beside;

  bool applies() const { return refused.empty(); }
};

// What a formula may assume; unmet() puts what a shape breaks into a sentence, with the shape's own figures. Empty: nothing.
enum class Assumption : std::uint8_t {
  two_matrix_mlp,    // GELU: no gate
  ffn_is_4d,         // f = 4 d
  all_heads_own_kv,  // K = H
  heads_fill_width,  // H Q = d
  no_window,
  causal,  // half of s x s
};
std::string unmet(const ModelShape& shape, std::initializer_list<Assumption> assumptions);

// Per (query, key) pair of training: scores and values, forward and twice backward, all layers and heads. 12 L H Q.
Flops core_per_pair(const ModelShape& shape);

}  // namespace ergon
