// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/objective.hpp"

#include "trainer/kernels/philox.hpp"

namespace ergon {

Objective objective_of(const RunConfig& config, const AttentionTiles& tiles) {
  Objective objective;
  if (config.data.document_mask) objective.documents = DocumentsApart{attention_rule(config.model), context_sharding(config.mesh), tiles};
  if (!config.model.causal)
    objective.masked = MaskedTokens{config.data.mask_fraction, config.run.seed, static_cast<std::int32_t>(config.model.vocabulary - 1)};
  return objective;
}

AttentionRule rule_of_sample(const DocumentsApart& documents, std::span<const std::int32_t> segments_T) {
  AttentionRule rule = documents.attention;
  for (std::size_t t = 1; t < segments_T.size(); ++t) {
    if (segments_T[t] == segments_T[t - 1]) continue;
    if (rule.document_starts.empty()) rule.document_starts.push_back(0);
    rule.document_starts.push_back(static_cast<std::int64_t>(t));
  }
  return rule;
}

PairCount pairs_of_sample(const DocumentsApart& documents, std::span<const std::int32_t> segments_T) {
  return count_pairs(documents.sharding, std::ssize(segments_T), rule_of_sample(documents, segments_T), documents.tiles);
}

void draw_masked(const MaskedTokens& masked, std::int64_t place, std::span<std::uint8_t> chosen_T) {
  const PhiloxKey key = philox_key(masked.seed, Stream::token_mask);
  const auto low = static_cast<std::uint32_t>(place), high = static_cast<std::uint32_t>(place >> 32);
  PhiloxBlock words{};
  for (std::size_t t = 0; t < chosen_T.size(); ++t) {
    if (t % words.size() == 0) words = philox4x32({low, high, static_cast<std::uint32_t>(t / words.size()), 0}, key);
    chosen_T[t] = static_cast<double>(uniform24(words[t % words.size()])) < masked.fraction;
  }
}

}  // namespace ergon
