// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/objective.hpp"

#include <numeric>
#include <vector>

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

using Segments = std::vector<std::int32_t>;

std::vector<std::uint8_t> drawn(const MaskedTokens& masked, std::int64_t place, std::size_t length) {
  std::vector<std::uint8_t> chosen(length, 7);
  draw_masked(masked, place, chosen);
  return chosen;
}

// Pairs of the definition: j is seen by i of the same document.
std::int64_t pairs_by_hand(const Segments& segments, const AttentionRule& rule) {
  std::int64_t pairs = 0;
  for (std::size_t i = 0; i < segments.size(); ++i)
    for (std::size_t j = 0; j < segments.size(); ++j) {
      const auto back = static_cast<std::int64_t>(i) - static_cast<std::int64_t>(j);
      pairs += segments[i] == segments[j] && (!rule.causal || back >= 0) && (rule.window == 0 || back < rule.window);
    }
  return pairs;
}

}  // namespace

TEST_CASE("objective: the header's example; a sample of one document has the model's own rule") {
  const DocumentsApart documents{{.window = 3}, {}, {}};
  const AttentionRule rule = rule_of_sample(documents, Segments{0, 0, 1, 1, 1, 2});
  CHECK(rule.document_starts == std::vector<std::int64_t>{0, 2, 5});
  CHECK(rule.window == 3);
  CHECK(rule_of_sample(documents, Segments{0, 0, 0}) == AttentionRule{.window = 3});
  CHECK(rule_of_sample(documents, Segments{4}) == AttentionRule{.window = 3});
}

TEST_CASE("objective: pairs of a sample are those of its documents, on any context ranks") {
  const Segments segments = {0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 4, 5, 5, 5, 5, 5, 5};
  for (const AttentionRule& rule : {AttentionRule{}, AttentionRule{.causal = false}, AttentionRule{.window = 3}})
    for (const AttentionSharding attention :
         {AttentionSharding::ring, AttentionSharding::ulysses, AttentionSharding::gather_kv, AttentionSharding::hybrid})
      for (const SequenceLayout layout : {SequenceLayout::zigzag, SequenceLayout::striped, SequenceLayout::contiguous}) {
        const std::int64_t expected = pairs_by_hand(segments, rule);
        const PairCount exact = pairs_of_sample({rule, {attention, layout, 4, 2}, {.queries = 1, .keys = 1}}, segments);
        CHECK(exact == PairCount{expected, expected});
        CHECK(pairs_of_sample({rule, {attention, layout, 4, 2}, {.queries = 4, .keys = 2}}, segments).visible == expected);
      }
}

TEST_CASE("objective: which tokens are to be restored depends on seed, place and position, and on nothing else") {
  const MaskedTokens masked{.fraction = 0.15, .seed = 3, .token = 9};
  const auto of = [&](std::int64_t place) { return drawn(masked, place, 4096); };
  CHECK(of(5) == of(5));
  CHECK(of(5) != of(6));
  CHECK(of(5) != of(5 + (std::int64_t{1} << 32)));
  CHECK(drawn({.fraction = 0.15, .seed = 4, .token = 9}, 5, 4096) != of(5));
  const std::vector<std::uint8_t> shorter = drawn(masked, 5, 13), longer = of(5);
  CHECK(std::equal(shorter.begin(), shorter.end(), longer.begin()));
  for (const double fraction : {0.15, 0.5, 0.9}) {
    const std::vector<std::uint8_t> chosen = drawn({.fraction = fraction, .seed = 1, .token = 0}, 0, 100000);
    CHECK(std::accumulate(chosen.begin(), chosen.end(), 0.0) / 1e5 == Approx(fraction).margin(0.005));
  }
}

TEST_CASE("objective: a run's keys say what is learnt") {
  RunConfig config;
  config.model.window = 5;
  CHECK_FALSE(objective_of(config, {}).documents);
  CHECK_FALSE(objective_of(config, {}).masked);
  config.data.document_mask = true;
  config.mesh.cp = 4;
  const Objective apart = objective_of(config, {.queries = 8});
  CHECK(apart.documents->attention == AttentionRule{.window = 5});
  CHECK(apart.documents->sharding.cp == 4);
  CHECK(apart.documents->tiles.queries == 8);
  config.model.causal = false;
  config.model.window = 0;
  config.model.vocabulary = 300;
  config.run.seed = 12;
  const Objective restored = objective_of(config, {});
  CHECK_FALSE(restored.documents->attention.causal);
  CHECK(restored.masked->fraction == 0.15);
  CHECK(restored.masked->seed == 12);
  CHECK(restored.masked->token == 299);
}
