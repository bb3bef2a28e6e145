// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/overtraining_fit.hpp"

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "accounting/scaling/huber_objective.hpp"
#include "accounting/scaling/minimise.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr Eigen::Index least_overtrained_rows = 5;  // four unknowns and something to judge them by
constexpr double lowest_log = -20, highest_log = 20, highest_eta = 2.5;

[[noreturn]] void refuse_overtraining(const std::string& what, const std::string& hint) {
  throw Error(what, "over-training form", hint, ExitCode::data);
}

// Rows as x = log C - log M and y = log C + log M, centred: a's term is e^(p - eta x), b's e^(q - eta y).
struct Points {
  Eigen::ArrayXd x, y, log_loss;
  double x_mean = 0, y_mean = 0, scale = 1;

  explicit Points(const std::vector<FitRow>& rows) {
    const auto count = static_cast<Eigen::Index>(rows.size());
    if (count < least_overtrained_rows)
      refuse_overtraining(fmt::format("{} rows are too few for four unknowns", count),
                          fmt::format("give {} or more", least_overtrained_rows));
    x.resize(count), y.resize(count), log_loss.resize(count);
    for (Eigen::Index i = 0; i < count; ++i) {
      const FitRow& row = rows[static_cast<std::size_t>(i)];
      const double log_c = std::log(row.flops), log_m = std::log(row.tokens / row.parameters);
      x[i] = log_c - log_m, y[i] = log_c + log_m, log_loss[i] = std::log(row.loss);
    }
    const auto spread = [](const Eigen::ArrayXd& values) { return values.maxCoeff() - values.minCoeff(); };
    if (spread(y - x) < 1e-3)
      refuse_overtraining("all rows have one M = D / N: what over-training costs is in none of them", "add rows of other D / N");
    if (spread(y + x) < 1e-3)
      refuse_overtraining("all rows have one C: how the loss falls with C is in none of them", "add rows of other FLOPs");
    x_mean = x.mean(), y_mean = y.mean();
    x -= x_mean, y -= y_mean;
    scale = std::sqrt((x.square().mean() + y.square().mean()) / 2);
    x /= scale, y /= scale;
  }

  // p, q, log E, eta scale
  OvertrainingLaw law(const std::vector<double>& at) const {
    const double eta = at[3] / scale;
    return {std::exp(at[2]), std::exp(at[0] + eta * x_mean), std::exp(at[1] + eta * y_mean), eta};
  }
};

Objective objective_of(const Points& points, double delta) {
  return [&points, delta](const double* at, double* gradient) {
    const double e = std::exp(at[2]);
    Eigen::ArrayXd of_a = (at[0] - at[3] * points.x).exp(), of_b = (at[1] - at[3] * points.y).exp();
    const Eigen::ArrayXd sum = of_a + of_b + e, residual = sum.log() - points.log_loss;
    const Eigen::ArrayXd slope = residual.max(-delta).min(delta) / delta;
    if (gradient != nullptr) {
      const Eigen::ArrayXd share = slope / sum;
      of_a *= share, of_b *= share;
      gradient[0] = of_a.sum();
      gradient[1] = of_b.sum();
      gradient[2] = share.sum() * e;
      gradient[3] = -(of_a * points.x + of_b * points.y).sum();
    }
    return (slope * (residual - slope * (delta / 2))).sum();
  };
}

std::vector<std::vector<double>> starts_of(const Points& points) {
  std::vector<std::vector<double>> starts;
  for (const double p : {-4.0, -2.0, 0.0})
    for (const double q : {-4.0, -2.0, 0.0})
      for (const double log_e : {-1.0, 0.0, 0.5, 1.0})
        for (const double eta : {0.05, 0.1, 0.2, 0.4, 0.8}) starts.push_back({p, q, log_e, eta * points.scale});
  return starts;
}

void require_law(const std::vector<double>& at, const Points& points) {
  const char* hint = "add rows that differ more in C and in M";
  if (at[2] < lowest_log + 1) refuse_overtraining("the best fit has no floor E: the rows do not determine it", hint);
  if (at[3] / points.scale > 0.99 * highest_eta)
    refuse_overtraining("the best fit has an exponent without bound: the rows do not determine it", hint);
  if (at[0] < lowest_log + 1 || at[1] < lowest_log + 1)
    refuse_overtraining("in the best fit the loss depends on one of N and D alone: the rows do not determine the other's term", hint);
}

}  // namespace

OvertrainingFit fit_overtraining(const std::vector<FitRow>& rows, double huber_delta) {
  ERGON_CHECK(huber_delta > 0, "delta {}", huber_delta);
  const Points points(rows);
  const Objective objective = objective_of(points, huber_delta);
  const Box box = {{lowest_log, lowest_log, lowest_log, 0}, {highest_log, highest_log, 5, highest_eta * points.scale}};
  std::vector<double> values;
  Minimum best;
  best.value = INFINITY;
  for (const std::vector<double>& start : starts_of(points)) {
    Minimum found = minimise(Optimizer::lbfgs, objective, start, box);
    values.push_back(found.value);
    if (found.value < best.value) best = std::move(found);
  }
  Minimum polished = minimise(Optimizer::bobyqa, objective, best.x, box, 1e-4);
  if (polished.value < best.value) best = std::move(polished);
  require_law(best.x, points);
  const double exact = 1e-10 * static_cast<double>(rows.size());  // where every row is met, sums are rounding
  OvertrainingFit fit;
  fit.law = points.law(best.x);
  fit.huber_delta = huber_delta;
  fit.starts_tried = static_cast<std::int64_t>(values.size());
  fit.starts_reached = std::count_if(values.begin(), values.end(), [&](double value) { return value <= best.value * (1 + 1e-6) + exact; });
  for (const FitRow& row : rows)
    fit.objective += huber(std::log(loss(fit.law, {row.flops, row.tokens / row.parameters})) - std::log(row.loss), huber_delta);
  return fit;
}

}  // namespace ergon
