// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/law_advice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "accounting/scaling/law_loss.hpp"
#include "accounting/scaling/quantile.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
using Reasons = std::map<std::string, std::string>;

// An optimum. Infinite: no budget reaches what was asked for.
struct SampledOptimum {
  double flops = 0;
  std::optional<Allocation> at;
  std::optional<double> loss;
};

constexpr SampledOptimum unreachable = {infinity, Allocation{infinity, infinity}, infinity};

// N = this law of C, D = C / (6 N).
std::optional<PowerLaw> parameters_of_flops(const ScalingLaw& law) {
  if (!law.allocation) return std::nullopt;
  const PowerLaw& printed = law.allocation->parameters;
  return PowerLaw{law.allocation->parameters_are_flops_per_token ? printed.coefficient / 6 : printed.coefficient, printed.exponent};
}

double inverse(const PowerLaw& law, double y) { return std::pow(y / law.coefficient, 1 / law.exponent); }

SampledOptimum optimum(const ParametricLaw& law, double flops) {
  const Allocation at = optimal(law, flops);
  return {flops, at, loss(law, at)};
}

SampledOptimum optimum(const ScalingLaw& law, double flops) {
  if (law.loss_law) return optimum(*law.loss_law, flops);
  SampledOptimum best = {flops, std::nullopt, std::nullopt};
  if (const auto power = parameters_of_flops(law)) {
    const double parameters = value_at(*power, flops);
    best.at = {parameters, flops / 6 / parameters};
  }
  if (law.frontier_loss) best.loss = value_at(*law.frontier_loss, flops);
  if (!best.loss && best.at && law.joint_law) best.loss = loss(*law.joint_law, *best.at);
  return best;
}

std::string without(const ScalingLaw& law, const std::string& what) {
  std::string has = law.joint_law                  ? "a loss of N and D without an optimum"
                    : law.allocation               ? "an allocation without a loss"
                    : law.loss_law                 ? "a loss"
                    : !law.hyperparameters.empty() ? "learning rate and batch only"
                                                   : "nothing";
  return fmt::format("{} has no {}: it gives {}", law.name, what, has);
}

// The interval of one member over the samples; none, with its reason, where it reaches to infinity.
std::optional<Bounds> interval(const std::vector<SampledOptimum>& samples, double level, double (*member)(const SampledOptimum&),
                               Reasons& reason) {
  if (samples.empty()) return std::nullopt;
  std::vector<double> values;
  for (const SampledOptimum& sample : samples) values.push_back(member(sample));
  const Bounds bounds = middle_interval(values, level);
  if (std::isfinite(bounds.high)) return bounds;
  const auto lost = std::count(values.begin(), values.end(), infinity);
  reason["interval"] = fmt::format("in {} of {} samples of the bootstrap no budget reaches this loss", lost, values.size());
  return std::nullopt;
}

enum class Given { flops, parameters, loss };

Advice made_of(const ScalingLaw& law, const SampledOptimum& best, const std::vector<SampledOptimum>& samples, double level, Given given) {
  ERGON_CHECK(level > 0 && level < 1, "level {}", level);
  Advice advice;
  if (samples.empty()) advice.reason["interval"] = no_interval_reason(law);
  const auto estimate = [&](double value, double (*member)(const SampledOptimum&), bool is_given) {
    return Estimate{value, is_given ? std::nullopt : interval(samples, level, member, advice.reason)};
  };
  advice.flops = estimate(
      best.flops, [](const SampledOptimum& o) { return o.flops; }, given == Given::flops);
  if (best.at) {
    advice.parameters = estimate(
        best.at->parameters, [](const SampledOptimum& o) { return o.at->parameters; }, given == Given::parameters);
    advice.tokens = estimate(
        best.at->tokens, [](const SampledOptimum& o) { return o.at->tokens; }, false);
  } else {
    advice.reason["parameters"] = advice.reason["tokens"] = without(law, "optimal N and D");
  }
  if (best.loss) {
    advice.loss = estimate(
        *best.loss, [](const SampledOptimum& o) { return *o.loss; }, given == Given::loss);
  } else {
    advice.reason["loss"] = without(law, "loss");
  }
  if (law.allocation && law.allocation->printed_tokens) {
    advice.printed_tokens = value_at(*law.allocation->printed_tokens, best.flops);
  } else {
    advice.reason["printed_tokens"] = fmt::format("{} prints no D of C: D is C / (6 N)", law.name);
  }
  return advice;
}

// Nothing can be said: the law lacks what the question starts from.
Advice silent(const ScalingLaw& law, const std::string& what) {
  Advice advice;
  for (const char* member : {"parameters", "tokens", "loss", "flops", "printed_tokens"}) advice.reason[member] = without(law, what);
  advice.reason["interval"] = no_interval_reason(law);
  return advice;
}

}  // namespace

std::string no_interval_reason(const ScalingLaw& law) {
  if (!law.samples.empty()) return "";
  return law.samples_note.empty() ? fmt::format("{} comes without a bootstrap", law.name) : law.samples_note;
}

double value_at(const PowerLaw& law, double x) { return law.coefficient * std::pow(x, law.exponent); }

double value_at(const HyperparameterLaw& law, Allocation at, double flops) {
  return law.coefficient * std::pow(at.parameters, law.n_exponent) * std::pow(at.tokens, law.d_exponent) * std::pow(flops, law.c_exponent) +
         law.log_n * std::log(at.parameters);
}

Advice advise(const ScalingLaw& law, double flops, double level) {
  ERGON_CHECK(flops > 0, "advice for {} FLOPs", flops);
  std::vector<SampledOptimum> samples;
  for (const ParametricLaw& sample : law.samples) samples.push_back(optimum(sample, flops));
  return made_of(law, optimum(law, flops), samples, level, Given::flops);
}

Advice advise_for_parameters(const ScalingLaw& law, double parameters, double level) {
  ERGON_CHECK(parameters > 0, "advice for {} parameters", parameters);
  const std::optional<PowerLaw> power = parameters_of_flops(law);
  if (!law.loss_law && !power) return silent(law, "optimal N");
  std::vector<SampledOptimum> samples;
  for (const ParametricLaw& sample : law.samples) samples.push_back(optimum(sample, flops_for_parameters(sample, parameters)));
  SampledOptimum best = optimum(law, law.loss_law ? flops_for_parameters(*law.loss_law, parameters) : inverse(*power, parameters));
  best.at = Allocation{parameters, best.flops / 6 / parameters};
  return made_of(law, best, samples, level, Given::parameters);
}

Advice advise_for_loss(const ScalingLaw& law, double wanted, double level) {
  ERGON_CHECK(wanted > 0, "advice for a loss of {}", wanted);
  if (!law.loss_law && !law.frontier_loss) return silent(law, "least loss of a budget");
  std::vector<SampledOptimum> samples;
  for (const ParametricLaw& sample : law.samples)
    samples.push_back(wanted > sample.e ? optimum(sample, flops_for_loss(sample, wanted)) : unreachable);
  SampledOptimum best = optimum(law, law.loss_law ? flops_for_loss(*law.loss_law, wanted) : inverse(*law.frontier_loss, wanted));
  best.loss = wanted;
  return made_of(law, best, samples, level, Given::loss);
}

LossAdvice predict_loss(const ScalingLaw& law, Allocation at, std::optional<double> unique_tokens, double level) {
  ERGON_CHECK(at.parameters > 0 && at.tokens > 0, "loss of N {} and D {}", at.parameters, at.tokens);
  if (unique_tokens && *unique_tokens > at.tokens)
    throw Error(fmt::format("{:g} distinct tokens are more than the {:g} trained on", *unique_tokens, at.tokens), "unique tokens",
                "distinct tokens are part of the tokens trained on: give at most as many");
  if (unique_tokens && *unique_tokens < at.tokens && !law.repetition)
    throw Error(fmt::format("{} says nothing about repeated tokens", law.name), "unique tokens",
                "take a law with [repetition], muennighoff for instance, or leave the distinct tokens out");
  const auto of = [&](const ParametricLaw& form) {
    return loss(form, unique_tokens && law.repetition ? effective(form, *law.repetition, at, *unique_tokens) : at);
  };
  LossAdvice advice;
  if (law.loss_law) {
    advice.loss = Estimate{of(*law.loss_law), std::nullopt};
  } else if (law.joint_law) {
    advice.loss = Estimate{loss(*law.joint_law, at), std::nullopt};
  } else {
    advice.reason["loss"] = without(law, "loss of N and D");
    return advice;
  }
  std::vector<double> values;
  for (const ParametricLaw& sample : law.samples) values.push_back(of(sample));
  if (values.empty()) {
    advice.reason["interval"] = no_interval_reason(law);
  } else {
    advice.loss->interval = middle_interval(values, level);
  }
  return advice;
}

LawExponents exponents_of(const ScalingLaw& law, double level) {
  LawExponents found;
  if (!law.samples.empty() && law.loss_law) {
    std::vector<double> a, b;
    for (const ParametricLaw& sample : law.samples) {
      a.push_back(exponents(sample).a);
      b.push_back(exponents(sample).b);
    }
    found.a = Estimate{exponents(*law.loss_law).a, middle_interval(a, level)};
    found.b = Estimate{exponents(*law.loss_law).b, middle_interval(b, level)};
    return found;
  }
  found.reason["interval"] = no_interval_reason(law);
  if (law.loss_law) {
    found.a = Estimate{exponents(*law.loss_law).a, std::nullopt};
    found.b = Estimate{exponents(*law.loss_law).b, std::nullopt};
  } else if (law.allocation) {
    found.a = Estimate{law.allocation->parameters.exponent, std::nullopt};
    found.b = Estimate{1 - law.allocation->parameters.exponent, std::nullopt};
  } else {
    found.reason["a"] = found.reason["b"] = without(law, "optimal N and D");
  }
  return found;
}

std::optional<Bounds> flops_of_data(const ScalingLaw& law) {
  const LawDomain& domain = law.domain;
  if (domain.flops || !domain.parameters || !domain.tokens) return domain.flops;
  return Bounds{6 * domain.parameters->low * domain.tokens->low, 6 * domain.parameters->high * domain.tokens->high};
}

std::optional<double> decades_beyond(const ScalingLaw& law, double flops) {
  const std::optional<Bounds> data = flops_of_data(law);
  if (!data) return std::nullopt;
  if (flops > data->high) return std::log10(flops / data->high);
  if (flops < data->low) return std::log10(flops / data->low);
  return 0;
}

std::string law_form(const ScalingLaw& law) {
  std::vector<std::string> parts;
  if (law.loss_law) parts.emplace_back("L = E + A / N^alpha + B / D^beta");
  if (law.repetition) parts.emplace_back("repeated data");
  if (law.joint_law) parts.emplace_back("joint L(N, D)");
  if (law.frontier_loss) parts.emplace_back("L = k C^c");
  if (law.allocation) parts.emplace_back(law.allocation->parameters_are_flops_per_token ? "M = k C^a" : "N = k C^a");
  for (const HyperparameterLaw& row : law.hyperparameters) parts.emplace_back(row.of == "batch_tokens" ? "batch" : "learning rate");
  return fmt::format("{}", fmt::join(parts, "; "));
}

}  // namespace ergon
