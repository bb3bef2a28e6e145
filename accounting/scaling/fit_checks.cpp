// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/fit_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "configs/error.hpp"

namespace ergon {
namespace {

struct Column {
  const char* name;
  const char* unit;
  double FitRow::*value;
  double least;  // below it, it is no count of these
};

[[noreturn]] void refuse(std::string what, const std::string& source, std::string hint) {
  throw Error(std::move(what), source, std::move(hint), ExitCode::data);
}

void require_one_unit(const std::vector<FitRow>& rows, const Column& column, const std::string& source) {
  constexpr double hole = 300;
  std::vector<const FitRow*> sorted;
  for (const FitRow& row : rows) sorted.push_back(&row);
  std::stable_sort(sorted.begin(), sorted.end(), [&](const FitRow* a, const FitRow* b) { return a->*column.value < b->*column.value; });
  const std::string hint = fmt::format("give {} in {} in every row: 7e9, not 7 or 7B", column.name, column.unit);
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    const double low = sorted[i - 1]->*column.value, high = sorted[i]->*column.value;
    if (high > hole * low) {
      const bool low_is_odd = 2 * i <= sorted.size();
      const FitRow& odd = low_is_odd ? *sorted[i - 1] : *sorted[i];
      refuse(fmt::format("row {}: {} is {:.6g}, and the next {} is {:.6g}: units are mixed", odd.row, column.name, odd.*column.value,
                         low_is_odd ? "larger" : "smaller", low_is_odd ? high : low),
             source, hint);
    }
  }
  if (!sorted.empty() && sorted.front()->*column.value < column.least)
    refuse(fmt::format("row {}: {} is {:.6g}, which is no count of {}", sorted.front()->row, column.name, sorted.front()->*column.value,
                       column.unit),
           source, hint);
}

// One column in millions and the other not: each is a plausible count by itself.
void require_one_scale(const std::vector<FitRow>& rows, const std::string& source) {
  constexpr double most = 1e6, least = 1e-4;  // tokens a parameter: published rows have 0.03 to a few thousand
  if (rows.empty()) return;
  std::vector<std::pair<double, const FitRow*>> ratios;
  for (const FitRow& row : rows) ratios.emplace_back(row.tokens / row.parameters, &row);
  std::sort(ratios.begin(), ratios.end());
  const auto& [ratio, row] = ratios[ratios.size() / 2];
  if (ratio > most || ratio < least)
    refuse(fmt::format("row {}: N is {:.6g} and D {:.6g}, {:.3g} tokens a parameter, and half of the rows have {}: a unit is wrong",
                       row->row, row->parameters, row->tokens, ratio, ratio > most ? "more" : "fewer"),
           source, "give N in parameters and D in tokens: 124e6 and 2.5e9, not 124 and 2.5e9");
}

double correlation(const std::vector<FitRow>& rows) {
  double n = 0, d = 0, nn = 0, dd = 0, nd = 0;
  for (const FitRow& row : rows) n += std::log(row.parameters), d += std::log(row.tokens);
  n /= static_cast<double>(rows.size()), d /= static_cast<double>(rows.size());
  for (const FitRow& row : rows) {
    const double x = std::log(row.parameters) - n, y = std::log(row.tokens) - d;
    nn += x * x, dd += y * y, nd += x * y;
  }
  return nd / std::sqrt(nn * dd);
}

}  // namespace

void require_units(const std::vector<FitRow>& rows, const std::string& source) {
  constexpr double highest_loss = 20;
  require_one_unit(rows, {"N", "parameters", &FitRow::parameters, 100}, source);
  require_one_unit(rows, {"D", "tokens", &FitRow::tokens, 100}, source);
  require_one_unit(rows, {"C", "FLOPs", &FitRow::flops, 1e6}, source);
  require_one_scale(rows, source);
  for (const FitRow& row : rows)
    if (row.loss > highest_loss)
      refuse(fmt::format("row {}: a loss of {:.6g} nats a token is more than guessing among e^{:g} tokens costs", row.row, row.loss,
                         highest_loss),
             source, "give the loss in nats a token: the logarithm of a perplexity");
}

std::string six_n_d_disagreement(const std::vector<FitRow>& rows, const std::string& source) {
  constexpr double tolerance = 0.01, unit = 10;
  if (rows.empty()) return "";
  std::vector<std::pair<double, std::int64_t>> ratios;
  for (const FitRow& row : rows) ratios.emplace_back(row.flops / (6 * row.parameters * row.tokens), row.row);
  std::sort(ratios.begin(), ratios.end());
  const double median = ratios[ratios.size() / 2].first;
  const auto [low, low_row] = ratios.front();
  const auto [high, high_row] = ratios.back();
  if (median > unit || median < 1 / unit)
    refuse(fmt::format("C is {:.3g} times 6 N D in the middle row (row {} for one): a unit is wrong", median,
                       ratios[ratios.size() / 2].second),
           source, "give N, D and C in parameters, tokens and FLOPs, or leave one of them out");
  if (high > unit * median || low < median / unit) {
    const bool is_high = high > unit * median;
    refuse(fmt::format("row {}: C is {:.3g} times 6 N D, and {:.3g} times it in the middle row: units are mixed",
                       is_high ? high_row : low_row, is_high ? high : low, median),
           source, "give N, D and C in parameters, tokens and FLOPs in every row");
  }
  if (high <= 1 + tolerance && low >= 1 - tolerance) return "";
  return fmt::format(
      "C is not 6 N D: it is {:.4g} times that in row {} and {:.4g} times in row {}. The parametric fit takes N and D as given, and C "
      "where "
      "budgets are meant",
      low, low_row, high, high_row);
}

std::optional<Unfittable> unfittable(const std::vector<FitRow>& rows) {
  constexpr std::size_t least = 6;
  std::set<double> sizes, tokens;
  std::set<std::pair<double, double>> points;
  double low = INFINITY, high = 0;
  for (const FitRow& row : rows) {
    sizes.insert(row.parameters), tokens.insert(row.tokens), points.emplace(row.parameters, row.tokens);
    low = std::min(low, row.loss), high = std::max(high, row.loss);
  }
  const bool one_size = sizes.size() == 1 && rows.size() >= least;  // then that is what is wrong, however few the pairs
  if (points.size() < least && !one_size)
    return Unfittable{fmt::format("{} rows with {} different pairs of N and D cannot determine five unknowns", rows.size(), points.size()),
                      "a parametric fit needs at least 6 different points, and means something from a few dozen on"};
  if (sizes.size() == 1)
    return Unfittable{fmt::format("every row has N = {:.6g}: what size does to the loss cannot be seen", *sizes.begin()),
                      "add models of other sizes"};
  if (tokens.size() == 1)
    return Unfittable{fmt::format("every row has D = {:.6g}: what data does to the loss cannot be seen", *tokens.begin()),
                      "add runs on other numbers of tokens"};
  if (high - low < 1e-9 * high) return Unfittable{fmt::format("the loss is {:.6g} in every row", high), "check which column --loss names"};
  if (1 - std::abs(correlation(rows)) < 1e-9)
    return Unfittable{"D is one power of N in every row (D = 20 N for instance): what each does to the loss cannot be told apart",
                      "add runs with more or fewer tokens a parameter"};
  return std::nullopt;
}

void require_fittable(const std::vector<FitRow>& rows, const std::string& source) {
  if (const auto reason = unfittable(rows)) refuse(reason->what, source, reason->hint);
}

}  // namespace ergon
