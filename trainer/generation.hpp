// SPDX-License-Identifier: Apache-2.0
// Text from a trained model: token after token, each drawn from the model's distribution over the vocabulary. The whole context is computed
// again for every token; a context longer than the model's sequence keeps its last tokens.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "trainer/replica.hpp"

namespace ergon {

struct GenerationOptions {
  std::int64_t tokens = 100;
  double temperature = 1.0;  // 0: the most likely token, always
  std::int64_t top_k = 0;    // 0: the whole vocabulary
  std::int64_t seed = 1;     // draw n of a text is a function of (seed, n)
  std::int64_t stop_token = -1;
};

// The token chosen from logits of the real vocabulary, given a uniform draw in [0, 1). Logits are float or double.
std::int64_t choose_token(const at::Tensor& logits_V, const GenerationOptions& options, double uniform);

// Throws Error (mesh.cp) on more than one context rank: a context grows by a token at a time and cannot be cut; and (model.causal) for a
// model that is not causal.
// Appends to `context` (not empty) and calls `on_token` for each; ends early at stop_token, which is not appended.
void generate(Replica& replica, std::vector<std::int32_t>& context, const GenerationOptions& options,
              const std::function<void(std::int32_t)>& on_token);

}  // namespace ergon
