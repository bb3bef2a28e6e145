// SPDX-License-Identifier: Apache-2.0
#include "configs/key_makers.hpp"
#include "configs/keys.hpp"

namespace ergon {

std::vector<Key> keys_model() {
  auto at = [](auto member) { return field(&RunConfig::model, member); };
  using S = ModelShape;
  using enum OnResume;
  std::vector<Key> keys = {
      text({"model.preset", "", free, "a known shape to start from; other keys of [model] change it"}, at(&S::preset)),
      integer({"model.layers", "layers", fixed, "depth"}, at(&S::layers), 1, 1 << 16),
      integer({"model.width", "", fixed, "width of the residual stream"}, at(&S::width), 1, 1 << 20),
      integer({"model.heads", "heads", fixed, "query heads; tensor parallelism shares them among ranks"}, at(&S::heads), 1, 1 << 16),
      integer({"model.kv_heads", "heads", fixed, "fewer than heads: grouped queries; 1: multi-query; must divide heads"}, at(&S::kv_heads),
              1, 1 << 16),
      integer({"model.head_width", "", fixed, "width of one head"}, at(&S::head_width), 1, 1 << 16),
      integer({"model.ffn_width", "", fixed, "inner width of the MLP"}, at(&S::ffn_width), 1, 1 << 24),
      integer({"model.vocabulary", "tokens", fixed, "must hold every token id of the store; need not divide by anything"},
              at(&S::vocabulary), 2, 1 << 24),
      integer({"model.sequence", "tokens", fixed, "length of a training sequence"}, at(&S::sequence), 1, 1 << 24),
      integer({"model.window", "tokens", fixed, "attend only to the last so many tokens, own position included; 0: to all"}, at(&S::window),
              0, 1 << 24),
      boolean({"model.causal", "", fixed,
               "false: a position sees the whole sequence, and the model learns to restore masked tokens (data.mask_fraction)"},
              at(&S::causal)),
      number({"model.dropout", "", recorded, "against over-fitting when tokens are seen more than once"}, at(&S::dropout), fraction),
      choice({"model.norm", "", fixed, "rmsnorm is cheaper and what Llama uses"}, at(&S::norm)),
      choice({"model.positions", "", fixed, "rotary extrapolates and needs no parameters; learned is what GPT-2 uses"}, at(&S::positions)),
      choice({"model.mlp", "", fixed, "swiglu has three matrices instead of two: take 2/3 of the inner width"}, at(&S::mlp)),
      boolean({"model.biases", "", fixed, "biases of linear layers and norms"}, at(&S::biases)),
      boolean({"model.tied", "", fixed, "the head is the embedding transposed: fewer parameters, for small models"}, at(&S::tied)),
      number({"model.rope_theta", "", fixed, "base of the rotary frequencies; larger for long sequences"}, at(&S::rope_theta), positive),
      number({"model.norm_epsilon", "", fixed, "added to the variance in norms"}, at(&S::norm_epsilon), positive),
      number({"model.init_std", "", fixed, "of initial weights; residual projections are divided by sqrt(2 layers)"}, at(&S::init_std),
             not_negative),
  };
  for (Key& key : keys) {
    if (key.name == "model.kv_heads") key.default_text = "model.heads";
    if (key.name == "model.head_width") key.default_text = "model.width / model.heads";
    if (key.name == "model.ffn_width") key.default_text = "4 model.width; swiglu: 8/3 model.width, rounded up to a multiple of 64";
  }
  return keys;
}

}  // namespace ergon
