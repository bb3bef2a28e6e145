// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/envelope_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr double no_loss = std::numeric_limits<double>::infinity();
constexpr std::size_t smooth_radius = 40;  // points; the kernel is below 4e-4 of its peak beyond
constexpr std::size_t long_curve = 60;     // points; below, most windows are cut off at an end

[[noreturn]] void refuse_envelope(const std::string& what, const std::string& hint) { throw Error(what, "approach 1", hint); }

struct Curve {
  std::string run;
  double parameters = 0;
  std::vector<double> log_flops, log_tokens, losses;  // by C
};

std::vector<double> smoothed(const std::vector<double>& values) {
  std::vector<double> kernel(smooth_radius + 1);
  for (std::size_t i = 0; i <= smooth_radius; ++i) kernel[i] = std::exp(-0.5 * std::pow(static_cast<double>(i) / smoothing_sigma, 2));
  std::vector<double> result;
  for (std::size_t i = 0; i < values.size(); ++i) {
    double sum = 0, weight = 0;
    for (std::size_t j = i - std::min(i, smooth_radius); j <= std::min(i + smooth_radius, values.size() - 1); ++j) {
      const double w = kernel[i > j ? i - j : j - i];
      sum += w * values[j];
      weight += w;
    }
    result.push_back(sum / weight);
  }
  return result;
}

Curve curve_of(const std::string& run, std::vector<const FitRow*> rows) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const FitRow* x, const FitRow* y) { return x->step != y->step ? x->step < y->step : x->flops < y->flops; });
  if (rows.size() < 2)
    refuse_envelope(fmt::format("run '{}' has one point, row {}: that is no curve", run, rows.front()->row),
                    "give the losses along each run");
  Curve curve{run, rows.front()->parameters, {}, {}, {}};
  for (const FitRow* row : rows) {
    if (row->parameters != curve.parameters)
      refuse_envelope(fmt::format("run '{}' has {:.6g} parameters in row {} and {:.6g} in row {}", run, curve.parameters, rows.front()->row,
                                  row->parameters, row->row),
                      "one run, one size: name each run apart");
    if (!curve.log_flops.empty() && !(std::log(row->flops) > curve.log_flops.back()))
      refuse_envelope(fmt::format("the FLOPs of run '{}' do not grow at row {}", run, row->row),
                      "the FLOPs of a curve add up from its first step; name each run apart");
    curve.log_flops.push_back(std::log(row->flops));
    curve.log_tokens.push_back(std::log(row->tokens));
    curve.losses.push_back(row->loss);
  }
  curve.log_flops = smoothed(curve.log_flops);
  curve.log_tokens = smoothed(curve.log_tokens);
  curve.losses = smoothed(curve.losses);
  return curve;
}

std::vector<Curve> curves_of(const FitRows& input) {
  const char* hint = "name a CSV with the columns run and step, or run folders by --runs";
  std::vector<std::string> names;
  std::map<std::string, std::vector<const FitRow*>> rows;
  for (const FitRow& row : input.rows) {
    if (row.run.empty()) refuse_envelope(fmt::format("it needs the losses along runs, and row {} names no run", row.row), hint);
    if (rows[row.run].empty()) names.push_back(row.run);
    rows[row.run].push_back(&row);
  }
  if (names.size() < 2)
    refuse_envelope(fmt::format("it compares runs, and there is {}", names.empty() ? "none" : "only '" + names.front() + "'"), hint);
  std::vector<Curve> curves;
  for (const std::string& name : names) curves.push_back(curve_of(name, rows[name]));
  if (std::all_of(curves.begin(), curves.end(), [&](const Curve& curve) { return curve.parameters == curves.front().parameters; }))
    refuse_envelope(fmt::format("all {} runs have {:.6g} parameters", curves.size(), curves.front().parameters),
                    "give runs of several sizes");
  return curves;
}

// The curves at the same C: loss[run][point] and ln D; no_loss where a run has not begun or has ended.
struct Grid {
  std::vector<double> log_flops;
  std::vector<std::vector<double>> loss, log_tokens;
};

Grid grid_of(const std::vector<Curve>& curves) {
  double first = no_loss, last = -no_loss;
  for (const Curve& curve : curves) {
    first = std::min(first, curve.log_flops.front());
    last = std::max(last, curve.log_flops.back());
  }
  Grid grid;
  for (std::size_t i = 0; i < envelope_points; ++i)
    grid.log_flops.push_back(std::lerp(first, last, static_cast<double>(i) / (envelope_points - 1)));
  for (const Curve& curve : curves) {
    std::vector<double> loss(envelope_points, no_loss), tokens(envelope_points, 0);
    const std::vector<double>& x = curve.log_flops;
    for (std::size_t i = 0; i < envelope_points; ++i) {
      const double at = grid.log_flops[i];
      if (at < x.front() || at > x.back()) continue;
      const auto above = static_cast<std::size_t>(
          std::clamp<std::ptrdiff_t>(std::upper_bound(x.begin(), x.end(), at) - x.begin(), 1, static_cast<std::ptrdiff_t>(x.size()) - 1));
      const double part = (at - x[above - 1]) / (x[above] - x[above - 1]);
      loss[i] = std::lerp(curve.losses[above - 1], curve.losses[above], part);
      tokens[i] = std::lerp(curve.log_tokens[above - 1], curve.log_tokens[above], part);
    }
    grid.loss.push_back(std::move(loss));
    grid.log_tokens.push_back(std::move(tokens));
  }
  return grid;
}

constexpr std::size_t nobody = std::numeric_limits<std::size_t>::max();

// The run of lowest loss among `runs` at each point.
std::vector<std::size_t> leaders_of(const Grid& grid, const std::vector<std::size_t>& runs) {
  std::vector<std::size_t> leaders(envelope_points, nobody);
  for (std::size_t i = 0; i < envelope_points; ++i) {
    double lowest = no_loss;
    for (const std::size_t run : runs) {
      if (!(grid.loss[run][i] < lowest)) continue;
      lowest = grid.loss[run][i];
      leaders[i] = run;
    }
  }
  return leaders;
}

struct Moves {
  std::vector<Optimum> optima;  // by C
  std::int64_t at_ends = 0;     // moves where a run begins or ends
};

Moves moves_of(const Grid& grid, const std::vector<Curve>& curves, const std::vector<std::size_t>& leaders) {
  struct Sum {
    double log_flops = 0, log_tokens = 0, count = 0;
  };
  std::map<std::pair<double, double>, Sum> crossings;  // by the two sizes
  Moves moves;
  for (std::size_t i = 1; i < envelope_points; ++i) {
    const std::size_t from = leaders[i - 1], to = leaders[i];
    if (from == nobody || to == nobody || curves[from].parameters == curves[to].parameters) continue;
    const double before = grid.loss[to][i - 1] - grid.loss[from][i - 1], after = grid.loss[from][i] - grid.loss[to][i];
    if (!std::isfinite(before) || !std::isfinite(after)) {
      ++moves.at_ends;
      continue;
    }
    const double part = before + after > 0 ? before / (before + after) : 0.5;
    const auto at = [&](const std::vector<double>& values) { return std::lerp(values[i - 1], values[i], part); };
    Sum& sum = crossings[std::minmax(curves[from].parameters, curves[to].parameters)];
    sum.log_flops += at(grid.log_flops);
    sum.log_tokens += (at(grid.log_tokens[from]) + at(grid.log_tokens[to])) / 2;
    ++sum.count;
  }
  for (const auto& [sizes, sum] : crossings)
    moves.optima.push_back(
        {std::exp(sum.log_flops / sum.count), std::sqrt(sizes.first * sizes.second), std::exp(sum.log_tokens / sum.count)});
  std::sort(moves.optima.begin(), moves.optima.end(), [](const Optimum& x, const Optimum& y) { return x.flops < y.flops; });
  return moves;
}

void require_moves(const Moves& moves) {
  if (fit_powers(moves.optima)) return;
  const std::string what = moves.optima.empty() ? "never moves from a size to another by a crossing of their curves"
                                                : "moves from a size to another at one C only, and a power of C needs two";
  refuse_envelope("the lowest loss " + what +
                      (moves.at_ends > 0 ? fmt::format(" ({} times it moved only because a run began or ended)", moves.at_ends) : ""),
                  "give more sizes, and run the small ones on until the next larger one is better");
}

}  // namespace

EnvelopeFit fit_envelope(const FitRows& input, const Resampling& resampling) {
  const std::vector<Curve> curves = curves_of(input);
  const Grid grid = grid_of(curves);
  std::vector<std::size_t> all(curves.size());
  std::iota(all.begin(), all.end(), 0);
  const std::vector<std::size_t> leaders = leaders_of(grid, all);
  const Moves moves = moves_of(grid, curves, leaders);
  require_moves(moves);

  EnvelopeFit result;
  for (const Curve& curve : curves) {
    result.runs.push_back(curve.run);
    if (curve.losses.size() < long_curve)
      result.warnings.push_back(fmt::format("run '{}' has {} points: smoothing over {:.0f} points flattens a curve of less than {}",
                                            curve.run, curve.losses.size(), smoothing_sigma, long_curve));
  }
  for (std::size_t i = 0; i < envelope_points; ++i)
    if (leaders[i] != nobody) result.envelope.push_back({std::exp(grid.log_flops[i]), grid.loss[leaders[i]][i], leaders[i]});
  result.moves = moves.optima;
  result.fit = fit_with_intervals(moves.optima, resampling, [&](Random& random) {
    std::vector<std::size_t> drawn;
    for (std::size_t i = 0; i < curves.size(); ++i) drawn.push_back(draw(random, curves.size()));
    std::sort(drawn.begin(), drawn.end());
    drawn.erase(std::unique(drawn.begin(), drawn.end()), drawn.end());
    return moves_of(grid, curves, leaders_of(grid, drawn)).optima;
  });
  return result;
}

}  // namespace ergon
