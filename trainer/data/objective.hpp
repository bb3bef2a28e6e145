// SPDX-License-Identifier: Apache-2.0
// What a model learns from a sample beyond "the next token of a stream": documents kept apart, tokens to restore. Everything here is a pure
// function of the sample and of its place in the run's order, never of ranks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "configs/run_config.hpp"
#include "parallel/plan/context_blocks.hpp"

namespace ergon {

// Attention, positions and labels end with a document. Which pairs that leaves depends on the data, so they are counted as it is read: by
// the model's rule, the blocks of its context ranks and the tiles of its kernel.
struct DocumentsApart {
  AttentionRule attention;
  ContextSharding sharding;
  AttentionTiles tiles;
};

// A model without a causal mask sees the next token, so it restores tokens instead: some are replaced, and only these have a label.
struct MaskedTokens {
  double fraction = 0;     // of the positions
  std::int64_t seed = 0;   // of the draw
  std::int32_t token = 0;  // what stands in their place: the last id of the model's vocabulary
};

struct Objective {
  std::optional<DocumentsApart> documents;
  std::optional<MaskedTokens> masked;
};
Objective objective_of(const RunConfig& config, const AttentionTiles& tiles);

// The rule of a sample whose tokens belong to these documents (numbered in order). Example: segments 0 0 1 1 1 2 start at 0, 2 and 5.
AttentionRule rule_of_sample(const DocumentsApart& documents, std::span<const std::int32_t> segments_T);
// The pairs of one query head of that sample, on all context ranks.
PairCount pairs_of_sample(const DocumentsApart& documents, std::span<const std::int32_t> segments_T);

// Sets 1 where the token of the sample at `place` of the run's order is to be restored, else 0.
void draw_masked(const MaskedTokens& masked, std::int64_t place, std::span<std::uint8_t> chosen_T);

}  // namespace ergon
