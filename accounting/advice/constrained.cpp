// SPDX-License-Identifier: Apache-2.0
#include "accounting/advice/constrained.hpp"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "accounting/scaling/quantile.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

struct AllocationPoint {
  Allocation at;
  double loss = 0;
};

Advice plain_advice(const ScalingLaw& law, const PlanQuestion& question) {
  if (question.goal == PlanGoal::parameters) return advise_for_parameters(law, question.value, question.level);
  if (question.goal == PlanGoal::loss) return advise_for_loss(law, question.value, question.level);
  return advise(law, question.value, question.level);
}

// The loss to reach by one set of coefficients: that of its own optimum. Infinite when no budget of it answers the question.
double loss_to_reach(const ParametricLaw& law, const PlanQuestion& question) {
  if (question.goal == PlanGoal::loss) return question.value > law.e ? question.value : std::numeric_limits<double>::infinity();
  const double flops = question.goal == PlanGoal::budget ? question.value : flops_for_parameters(law, question.value);
  return loss(law, optimal(law, flops));
}

Advice absent(const Advice& plain, const std::string& why) {
  Advice advice = plain;
  advice.parameters = advice.tokens = advice.loss = std::nullopt;
  for (const char* member : {"parameters", "tokens", "loss"}) advice.reason[member] = why;
  return advice;
}

// `point` with intervals over what the samples answer; one sample that has no answer leaves them without, and says so.
Advice with_intervals(const ScalingLaw& law, const Advice& plain, const AllocationPoint& point, double level, bool loss_is_given,
                      const std::function<std::optional<AllocationPoint>(const ParametricLaw&)>& solve) {
  Advice advice = plain;
  advice.printed_tokens.reset();
  advice.reason["printed_tokens"] = "the printed D is of the unconstrained optimum";
  std::vector<double> parameters, tokens, losses;
  std::size_t unanswered = 0;
  for (const ParametricLaw& sample : law.samples) {
    const std::optional<AllocationPoint> solved = solve(sample);
    if (!solved) {
      ++unanswered;
      continue;
    }
    parameters.push_back(solved->at.parameters);
    tokens.push_back(solved->at.tokens);
    losses.push_back(solved->loss);
  }
  if (unanswered > 0)
    advice.reason["interval"] =
        fmt::format("in {} of {} samples of the bootstrap no budget reaches this loss", unanswered, law.samples.size());
  const bool has_intervals = !law.samples.empty() && unanswered == 0;
  const auto estimate = [&](double value, const std::vector<double>& values, bool given) {
    return Estimate{value, has_intervals && !given ? std::optional(middle_interval(values, level)) : std::nullopt};
  };
  advice.parameters = estimate(point.at.parameters, parameters, false);
  advice.tokens = estimate(point.at.tokens, tokens, false);
  advice.loss = estimate(point.loss, losses, loss_is_given);
  return advice;
}

void answer_serving(const ScalingLaw& law, const PlanQuestion& question, ConstrainedAdvice& out) {
  if (!law.loss_law) {
    out.advice = absent(out.plain, fmt::format("{} has no loss of N and D to hold while N changes", law.name));
    return;
  }
  const double tokens = *question.inference_tokens;
  out.serving = serve(*law.loss_law, loss_to_reach(*law.loss_law, question), tokens);
  const auto solve = [&](const ParametricLaw& sample) -> std::optional<AllocationPoint> {
    const double wanted = loss_to_reach(sample, question);
    if (!std::isfinite(wanted)) return std::nullopt;
    return AllocationPoint{serve(sample, wanted, tokens).at, wanted};
  };
  const AllocationPoint point{out.serving->at, loss_to_reach(*law.loss_law, question)};
  out.advice = with_intervals(law, out.plain, point, question.level, question.goal == PlanGoal::loss, solve);
}

void answer_limited(const ScalingLaw& law, const PlanQuestion& question, ConstrainedAdvice& out) {
  const double unique = *question.tokens_available;
  if (!out.plain.tokens) return;
  if (law.loss_law && law.repetition) {
    out.limit = data_limited_optimum(*law.loss_law, *law.repetition, question.value, unique);
    const auto solve = [&](const ParametricLaw& sample) -> std::optional<AllocationPoint> {
      const DataLimit limit = data_limited_optimum(sample, *law.repetition, question.value, unique);
      return AllocationPoint{limit.at, limit.loss};
    };
    out.advice = with_intervals(law, out.plain, {out.limit->at, out.limit->loss}, question.level, false, solve);
  } else if (out.plain.tokens->value > unique) {
    out.advice = absent(out.plain, fmt::format("{} wants {:.4g} tokens, {:.4g} there are, and it says nothing about repeated ones",
                                               law.name, out.plain.tokens->value, unique));
  }
}

}  // namespace

ConstrainedAdvice answer(const ScalingLaw& law, const PlanQuestion& question) {
  ERGON_CHECK(question.value > 0, "a plan for {}", question.value);
  if (question.inference_tokens && question.tokens_available)
    throw Error("inference to come and a limit of distinct tokens are two questions", "--tokens-available",
                "ask them one by one: no published law answers both at once");
  if (question.tokens_available && question.goal != PlanGoal::budget)
    throw Error("a limit of distinct tokens needs a budget of FLOPs", "--tokens-available", "give --budget in place of --params or --loss");
  ConstrainedAdvice out;
  out.plain = out.advice = plain_advice(law, question);
  if (question.inference_tokens) answer_serving(law, question, out);
  if (question.tokens_available) answer_limited(law, question, out);
  return out;
}

}  // namespace ergon
