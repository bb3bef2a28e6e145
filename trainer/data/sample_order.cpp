// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/sample_order.hpp"

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {
namespace {

void check_plan(const TokenSource& source, const MixPlan& plan) {
  const auto check = [&](const std::vector<std::int64_t>& weights) {
    ERGON_CHECK(weights.size() == source.parts().size(), "{} weights of {} sources", weights.size(), source.parts().size());
    for (std::size_t i = 0; i < weights.size(); ++i)
      if (const TokenSource::Part& part = source.parts()[i]; weights[i] > 0 && part.samples == 0)
        throw Error(fmt::format("{} holds no sample of {} tokens in its {} split, but has a weight", part.name, source.sequence(),
                                name(source.split())),
                    "data.weights", "leave the source out, or set its weight to 0", ExitCode::data);
  };
  check(plan.weights);
  for (const MixStage& stage : plan.curriculum) check(stage.weights);
}

}  // namespace

const std::vector<std::int64_t>& MixPlan::at(std::int64_t step) const {
  const auto later = std::ranges::upper_bound(curriculum, step, {}, &MixStage::from_step);
  return later == curriculum.begin() ? weights : std::prev(later)->weights;
}

SampleOrder::SampleOrder(const TokenSource& source, const DataState& state, MixPlan plan)
    : source_(&source), state_(state), plan_(std::move(plan)), ordinal_(ordinal_of(state, source.samples())) {
  ERGON_CHECK(state.mixed == plan_.mixed() && state.sources.size() == source.parts().size(), "a state of another order");
  if (!plan_.mixed()) {
    samplers_.emplace_back(state.seed, source.samples());
    return;
  }
  check_plan(source, plan_);
  std::vector<std::int64_t> weights, credits;
  for (const DataState::Source& of : state.sources) {
    weights.push_back(of.weight[0]);
    credits.push_back(of.credit);
    places_.push_back(of.place);
  }
  mixture_.emplace(std::move(weights), std::move(credits));
  for (const TokenSource::Part& part : source.parts())
    samplers_.emplace_back(state.seed, std::max<std::int64_t>(1, part.samples), sampler_identity(part.uuid));
}

void SampleOrder::begin_step() {
  if (!mixture_) return;
  if (const auto& weights = plan_.at(state_.step); weights != mixture_->weights()) mixture_.emplace(weights);
}

void SampleOrder::skip_to(std::int64_t ordinal) {
  if (mixture_) mixture_->advance(ordinal - ordinal_, places_);
  ordinal_ = ordinal;
}

std::int64_t SampleOrder::take_mixed() {
  const auto chosen = static_cast<std::size_t>(mixture_->next());
  return source_->parts()[chosen].first_sample + samplers_[chosen].at(places_[chosen]++);
}

void SampleOrder::count(std::int64_t sample) {
  DataState::Source& of = state_.sources[static_cast<std::size_t>(source_->part_of(sample))];
  ++of.consumed;
  of.tokens += source_->tokens_of(sample);
}

void SampleOrder::next(std::span<std::int64_t> samples) {
  begin_step();
  ordinals_.resize(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    skip_to(skip_forward(state_.skip_ranges, ordinal_));
    ordinals_[i] = ordinal_++;
    if (mixture_) samples[i] = take_mixed();
  }
  if (!mixture_) samplers_.front().at(ordinals_, samples);
  for (const std::int64_t sample : samples) count(sample);
  ++state_.step;
  state_.epoch = ordinal_ / source_->samples();
  state_.index = ordinal_ % source_->samples();
  for (std::size_t i = 0; mixture_ && i < state_.sources.size(); ++i) {
    DataState::Source& of = state_.sources[i];
    of.weight[0] = mixture_->weights()[i];
    of.weight[1] = mixture_->total();
    of.place = places_[i];
    of.credit = mixture_->credits()[i];
  }
}

}  // namespace ergon
