// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/isoflop_fit.hpp"

#include <fmt/format.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <map>

#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr double nearest_part = 0.1;  // how far from a budget, as a part of it, a row may lie
constexpr std::size_t least_rows = 4;
constexpr double least_bend = 1e-9;  // rise of the parabola over half the sampled ln N, as a part of the loss: less is rounding

using Group = std::vector<FitRow>;
using Groups = std::map<double, Group>;  // by budget

[[noreturn]] void refuse_profile(const std::string& what, const std::string& hint) { throw Error(what, "approach 2", hint); }

void check_budgets(const std::vector<double>& budgets) {
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    if (!(budgets[i] > 0) || !std::isfinite(budgets[i]))
      throw Error(fmt::format("{} FLOPs are no budget", budgets[i]), "--budgets", "positive FLOPs: --budgets 6e18,1e19,3e19");
    if (std::find(budgets.begin(), budgets.begin() + static_cast<std::ptrdiff_t>(i), budgets[i]) !=
        budgets.begin() + static_cast<std::ptrdiff_t>(i))
      throw Error(fmt::format("the budget {} is given twice", budgets[i]), "--budgets", "name each budget once");
  }
}

Groups groups_near(const FitRows& input, const std::vector<double>& budgets, std::vector<DroppedRow>& dropped) {
  Groups groups;
  for (const FitRow& row : input.rows) {
    const auto distance = [&](double budget) { return std::abs(std::log(row.flops / budget)); };
    const double nearest = *std::min_element(budgets.begin(), budgets.end(), [&](double x, double y) { return distance(x) < distance(y); });
    if (std::abs(row.flops / nearest - 1) <= nearest_part)
      groups[nearest].push_back(row);
    else
      dropped.push_back(
          {row.row, fmt::format("its {:.4g} FLOPs are farther than 10 % from every budget, the nearest is {:.4g}", row.flops, nearest)});
  }
  return groups;
}

Groups groups_named(const FitRows& input, std::vector<DroppedRow>& dropped) {
  Groups groups;
  for (const FitRow& row : input.rows) {
    if (row.budget)
      groups[*row.budget].push_back(row);
    else
      dropped.push_back({row.row, "it names no budget"});
  }
  return groups;
}

Groups grouped_rows(const FitRows& input, const std::vector<double>& budgets, std::vector<DroppedRow>& dropped) {
  const bool are_named = std::any_of(input.rows.begin(), input.rows.end(), [](const FitRow& row) { return row.budget.has_value(); });
  if (budgets.empty() && !are_named)
    refuse_profile("the budgets of the rows are not known, and they are not guessed", "--budgets 6e18,1e19,3e19, or --budget-column NAME");
  if (!budgets.empty() && are_named)
    refuse_profile("the rows name their budgets and --budgets names others", "give one of --budgets and --budget-column");
  check_budgets(budgets);
  return budgets.empty() ? groups_named(input, dropped) : groups_near(input, budgets, dropped);
}

struct FittedGroup {
  std::optional<IsoflopGroup> group;
  std::string reason;  // when there is none
};

// Least squares on ln N around its middle, in units of half its range: well conditioned whatever the sizes are.
FittedGroup fit_group(double budget, const Group& rows) {
  if (rows.size() < least_rows) return {{}, fmt::format("{} rows; a parabola that can be judged needs {}", rows.size(), least_rows)};
  const auto count = static_cast<Eigen::Index>(rows.size());
  Eigen::VectorXd x(count), log_tokens(count), losses(count);
  double log_flops = 0;
  for (Eigen::Index i = 0; i < count; ++i) {
    const FitRow& row = rows[static_cast<std::size_t>(i)];
    x[i] = std::log(row.parameters);
    log_tokens[i] = std::log(row.tokens);
    losses[i] = row.loss;
    log_flops += std::log(row.flops) / static_cast<double>(count);
  }
  const double middle = (x.maxCoeff() + x.minCoeff()) / 2, half = (x.maxCoeff() - x.minCoeff()) / 2;
  if (!(half > 1e-9)) return {{}, "one N only: the loss against N needs three"};
  x = (x.array() - middle) / half;
  Eigen::MatrixXd powers(count, 3);
  powers << Eigen::VectorXd::Ones(count), x, x.cwiseAbs2();
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> parabola(powers);
  if (parabola.rank() < 3) return {{}, "two different N only: a parabola needs three"};
  const Eigen::Vector3d p = parabola.solve(losses);
  if (!(p[2] > least_bend * std::abs(p[0])))
    return {{}, fmt::format("the loss against ln N is not convex: its curvature is {:.3g}", p[2] / (half * half))};
  const double at = -p[1] / (2 * p[2]);
  const double best = std::exp(middle + half * at);
  if (!(std::abs(at) < 1))
    return {{},
            fmt::format("the minimum, at {:.4g} parameters, lies outside the sizes sampled, {:.4g} to {:.4g}", best,
                        std::exp(middle - half), std::exp(middle + half))};
  const Eigen::Vector2d d = powers.leftCols<2>().colPivHouseholderQr().solve(log_tokens);
  IsoflopGroup group;
  group.budget = budget;
  group.rows = count;
  group.optimum = {std::exp(log_flops), best, std::exp(d[0] + d[1] * at)};
  group.loss = p[0] - p[2] * at * at;
  group.curvature = p[2] / (half * half);
  return {group, ""};
}

// Rows drawn anew within each group; groups that such a draw leaves without a minimum are not in it.
std::vector<Optimum> resampled(const std::vector<const Group*>& groups, Random& random) {
  std::vector<Optimum> optima;
  for (const Group* group : groups) {
    Group again;
    for (std::size_t i = 0; i < group->size(); ++i) again.push_back((*group)[draw(random, group->size())]);
    if (const FittedGroup fitted = fit_group(0, again); fitted.group) optima.push_back(fitted.group->optimum);
  }
  return optima;
}

}  // namespace

IsoflopFit fit_isoflop(const FitRows& input, const std::vector<double>& budgets, const Resampling& resampling) {
  IsoflopFit result;
  const Groups groups = grouped_rows(input, budgets, result.dropped_rows);
  std::vector<const Group*> used;
  std::vector<Optimum> optima;
  for (const auto& [budget, rows] : groups) {
    const FittedGroup fitted = fit_group(budget, rows);
    if (!fitted.group) {
      result.dropped_groups.push_back({budget, static_cast<std::int64_t>(rows.size()), fitted.reason});
      continue;
    }
    result.groups.push_back(*fitted.group);
    optima.push_back(fitted.group->optimum);
    used.push_back(&rows);
  }
  for (const double budget : budgets)
    if (!groups.contains(budget)) result.dropped_groups.push_back({budget, 0, "no row within 10 %"});
  if (!fit_powers(optima)) {
    std::string why;
    for (const DroppedGroup& group : result.dropped_groups) why += fmt::format("; {:.4g}: {}", group.budget, group.reason);
    refuse_profile(fmt::format("{} of {} budgets have a minimum, and a power of C needs two that differ{}", optima.size(),
                               optima.size() + result.dropped_groups.size(), why),
                   "train several sizes at two budgets or more, so that the best size of each lies between others");
  }
  result.fit = fit_with_intervals(optima, resampling, [&](Random& random) { return resampled(used, random); });
  return result;
}

}  // namespace ergon
