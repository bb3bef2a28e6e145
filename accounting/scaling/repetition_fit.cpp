// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/repetition_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "accounting/scaling/huber_objective.hpp"
#include "accounting/scaling/law_loss.hpp"
#include "accounting/scaling/minimise.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr std::size_t least_repeated_rows = 4;
constexpr double shortest = 0.01, longest = 1e4;

[[noreturn]] void refuse_repetition(const std::string& what, const std::string& hint) {
  throw Error(what, "repeated data", hint, ExitCode::data);
}

struct RepeatedPoint {
  Allocation at, distinct;  // N and D; U_N and U_D
  double log_loss = 0;
};

std::vector<RepeatedPoint> points_of(const std::vector<FitRow>& rows, const ParametricLaw& base) {
  std::vector<RepeatedPoint> points;
  for (const FitRow& row : rows) {
    if (!row.unique_tokens) continue;
    const double unique = std::min(*row.unique_tokens, row.tokens);
    points.push_back(
        {{row.parameters, row.tokens}, {std::min(row.parameters, parameters_for_tokens(base, unique)), unique}, std::log(row.loss)});
  }
  return points;
}

// d/dh of U (1 + h (1 - e^(-R / h))), the worth of U and R repetitions at the half-life h.
double worth_slope(double distinct, double all, double half_life) {
  const double r = std::max(all / distinct - 1, 0.0) / half_life;
  return distinct * (-std::expm1(-r) - r * std::exp(-r));
}

// Over delta, in log R_D* and log R_N*.
Objective objective_of(const std::vector<RepeatedPoint>& points, const ParametricLaw& base, double delta) {
  return [&points, &base, delta](const double* x, double* gradient) {
    const RepetitionLaw law = {std::exp(x[0]), std::exp(x[1])};
    double sum = 0;
    if (gradient != nullptr) gradient[0] = gradient[1] = 0;
    for (const RepeatedPoint& point : points) {
      const Allocation worth = effective(base, law, point.at, point.distinct.tokens);
      const double predicted = loss(base, worth), residual = std::log(predicted) - point.log_loss;
      sum += huber(residual, delta) / delta;
      if (gradient == nullptr) continue;
      const double slope = std::clamp(residual, -delta, delta) / delta / predicted;
      const double by_tokens = -base.beta * base.b * std::pow(worth.tokens, -base.beta - 1);
      const double by_parameters = -base.alpha * base.a * std::pow(worth.parameters, -base.alpha - 1);
      gradient[0] += slope * by_tokens * law.data_half_life * worth_slope(point.distinct.tokens, point.at.tokens, law.data_half_life);
      gradient[1] += slope * by_parameters * law.parameter_half_life *
                     worth_slope(point.distinct.parameters, point.at.parameters, law.parameter_half_life);
    }
    return sum;
  };
}

void require_repetition(const RepetitionFit& fit) {
  if (fit.rows < static_cast<std::int64_t>(least_repeated_rows))
    refuse_repetition(fmt::format("{} rows name their unique tokens, {} are needed", fit.rows, least_repeated_rows),
                      "add a column unique_tokens");
  if (!(fit.data_repetitions > 1e-3))
    refuse_repetition("no row repeats its data: R_D* is in none of them", "add rows of more tokens than unique tokens");
  if (!(fit.parameter_excess > 1e-3))
    refuse_repetition("no row has more parameters than its unique tokens are optimal for: R_N* is in none of them",
                      "add rows of larger models on the same data");
}

void require_bounded(double half_life, const char* name, double reach) {
  if (half_life > shortest * 1.01 && half_life < longest / 1.01) return;
  refuse_repetition(
      fmt::format("the rows do not bound {}, their repetitions reach {:.3g}: the best fit runs to {:.3g}", name, reach, half_life),
      half_life < 1 ? "the base law may predict too low a loss on fresh data: compare it with rows that repeat nothing"
                    : "add rows of more repetitions");
}

}  // namespace

RepetitionFit fit_repetition(const std::vector<FitRow>& rows, const ParametricLaw& base, double huber_delta) {
  ERGON_CHECK(huber_delta > 0, "delta {}", huber_delta);
  const std::vector<RepeatedPoint> points = points_of(rows, base);
  RepetitionFit fit;
  fit.huber_delta = huber_delta;
  fit.rows = static_cast<std::int64_t>(points.size());
  for (const RepeatedPoint& point : points) {
    fit.data_repetitions = std::max(fit.data_repetitions, point.at.tokens / point.distinct.tokens - 1);
    fit.parameter_excess = std::max(fit.parameter_excess, point.at.parameters / point.distinct.parameters - 1);
  }
  require_repetition(fit);
  const Objective objective = objective_of(points, base, huber_delta);
  const Box box = {{std::log(shortest), std::log(shortest)}, {std::log(longest), std::log(longest)}};
  Minimum best;
  best.value = INFINITY;
  for (const double data : {0.3, 3.0, 30.0, 300.0}) {
    for (const double parameters : {0.3, 3.0, 30.0, 300.0}) {
      Minimum found = minimise(Optimizer::bobyqa, objective, {std::log(data), std::log(parameters)}, box, 0.5);
      if (found.value < best.value) best = std::move(found);
    }
  }
  Minimum polished = minimise(Optimizer::lbfgs, objective, best.x, box);
  if (polished.value < best.value) best = std::move(polished);
  fit.law = {std::exp(best.x[0]), std::exp(best.x[1])};
  fit.objective = best.value * huber_delta;
  require_bounded(fit.law.data_half_life, "R_D*", fit.data_repetitions);
  require_bounded(fit.law.parameter_half_life, "R_N*", fit.parameter_excess);
  return fit;
}

}  // namespace ergon
