// SPDX-License-Identifier: Apache-2.0
#include "accounting/flops/formula.hpp"

#include "configs/error.hpp"

namespace ergon {
namespace {

// What is assumed and what the shape has instead; nothing when it keeps it.
std::optional<std::string> broken(const ModelShape& s, Assumption assumption) {
  const auto unless = [](bool kept, const std::string& text) { return kept ? std::nullopt : std::optional(text); };
  switch (assumption) {
    case Assumption::two_matrix_mlp:
      return unless(s.mlp == Mlp::gelu, "an MLP of two matrices with GELU (here swiglu, three)");
    case Assumption::ffn_is_4d:
      return unless(s.ffn_width == 4 * s.width, fmt::format("f = 4 d (here f {}, d {})", s.ffn_width, s.width));
    case Assumption::all_heads_own_kv:
      return unless(s.kv_heads == s.heads, fmt::format("as many key/value heads as query heads (here {} and {})", s.kv_heads, s.heads));
    case Assumption::heads_fill_width:
      return unless(s.heads * s.head_width == s.width,
                    fmt::format("heads that fill d (here {} of {}, d {})", s.heads, s.head_width, s.width));
    case Assumption::no_window:
      return unless(s.window == 0, fmt::format("attention without a window (here {})", s.window));
    case Assumption::causal:
      return unless(s.causal, "causal attention (here every position sees all)");
  }
  ERGON_CHECK(false, "assumption {}", static_cast<int>(assumption));
  return std::nullopt;
}

}  // namespace

std::string unmet(const ModelShape& shape, std::initializer_list<Assumption> assumptions) {
  std::vector<std::string> found;
  for (const Assumption assumption : assumptions)
    if (std::optional<std::string> text = broken(shape, assumption)) found.push_back(*text);
  return found.empty() ? "" : fmt::format("the formula assumes {}", fmt::join(found, ", "));
}

Flops core_per_pair(const ModelShape& shape) { return Flops{12} * shape.layers * shape.heads * shape.head_width; }

}  // namespace ergon
