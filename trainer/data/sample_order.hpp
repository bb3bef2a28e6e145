// SPDX-License-Identifier: Apache-2.0
// The order of a run's samples: which sample an ordinal is, walked a step at a time from a data state. The same for every number of ranks,
// microbatches and steps; nothing is kept but the state.
//
// Not mixed, ordinal n is place n mod N of epoch n div N in one permutation of all N samples. Mixed, a Mixture says which source an ordinal
// belongs to, and the source gives the next of its own samples: place p is p mod N_i of epoch p div N_i in a permutation that seed and the
// source's uuid fix, so what other sources there are does not reshuffle it. Weights change only between steps: a new round begins there,
// and what was ordered before stays.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "configs/data_section.hpp"
#include "trainer/data/data_state.hpp"
#include "trainer/data/mixture.hpp"
#include "trainer/data/sampler.hpp"
#include "trainer/data/token_source.hpp"

namespace ergon {

struct MixPlan {
  std::vector<std::int64_t> weights;  // one a source, an integer ratio; empty: not mixed
  std::vector<MixStage> curriculum;   // later ones, ascending

  bool mixed() const { return !weights.empty(); }
  const std::vector<std::int64_t>& at(std::int64_t step) const;
};

class SampleOrder {
 public:
  // `source` outlives it. Throws Error (data.weights, ExitCode::data) for a source that is to give samples and has none.
  SampleOrder(const TokenSource& source, const DataState& state, MixPlan plan = {});

  // The samples of the next step, by their numbers in the source.
  void next(std::span<std::int64_t> samples);
  // Theirs in the run's order, of the step that was given last.
  std::span<const std::int64_t> ordinals() const { return ordinals_; }
  const DataState& state() const { return state_; }  // of the next step

 private:
  void begin_step();
  void skip_to(std::int64_t ordinal);
  std::int64_t take_mixed();
  void count(std::int64_t sample);

  const TokenSource* source_;
  DataState state_;
  MixPlan plan_;
  std::vector<Sampler> samplers_;  // one a source where they are mixed, else one of all
  std::optional<Mixture> mixture_;
  std::vector<std::int64_t> places_;  // by source
  std::vector<std::int64_t> ordinals_;
  std::int64_t ordinal_;
};

}  // namespace ergon
