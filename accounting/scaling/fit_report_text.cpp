// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "accounting/scaling/fit_report.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

std::string interval_text(const std::optional<Bounds>& interval) {
  return interval ? fmt::format("({:.4f} to {:.4f})", interval->low, interval->high) : "(no interval)";
}

template <typename Rows>
std::string numbers(const Rows& rows) {
  constexpr std::size_t most = 12;
  std::string text;
  for (std::size_t i = 0; i < std::min(rows.size(), most); ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", rows[i].row);
  return rows.size() > most ? fmt::format("{} and {} more", text, rows.size() - most) : text;
}

std::string rows_text(const FitReport& report) {
  std::string text = fmt::format("Scaling law of {}\n", report.title);
  const std::vector<FitRow>& rows = report.rows.rows;
  text += fmt::format("  rows       {} used, {} dropped\n", rows.size(), report.rows.dropped.size());
  for (const DroppedRow& row : report.rows.dropped) text += fmt::format("               row {}: {}\n", row.row, row.reason);
  const auto span = [&](double FitRow::*value) {
    const auto [low, high] =
        std::minmax_element(rows.begin(), rows.end(), [&](const FitRow& a, const FitRow& b) { return a.*value < b.*value; });
    return fmt::format("{:.4g} to {:.4g}", (*low).*value, (*high).*value);
  };
  text += fmt::format("  N          {}, parameters ({})\n", span(&FitRow::parameters), report.rows.definitions.parameters);
  text += fmt::format("  D          {}, tokens\n", span(&FitRow::tokens));
  text += fmt::format("  C          {}, FLOPs (convention {})\n", span(&FitRow::flops), report.rows.definitions.compute);
  return text + fmt::format("  loss       {}, {}\n", span(&FitRow::loss), report.rows.definitions.loss);
}

std::string law_text(const ParametricReport& report) {
  const ParametricLaw& law = report.fit.law;
  std::string text = fmt::format(
      "\nApproach 3: L(N, D) = E + A / N^alpha + B / D^beta, least sum of Huber terms (delta {:g}) on log loss\n", report.fit.huber_delta);
  text += fmt::format("  {:<10} {:>12} {:>12} {:>12}\n", "", "value", "sd", "sd of log");
  const auto line = [&](const char* name, double value, std::optional<double> sd, std::optional<double> log) {
    const auto shown = [](const std::optional<double>& number) { return number ? fmt::format("{:.4g}", *number) : std::string("-"); };
    text += fmt::format("  {:<10} {:>12.6g} {:>12} {:>12}\n", name, value, shown(sd), shown(log));
  };
  const auto& spread = report.spread;
  const auto of = [&](double ParametricLaw::*member) { return spread ? std::optional(spread->sd.*member) : std::nullopt; };
  line("E", law.e, of(&ParametricLaw::e), spread ? std::optional(spread->log_e) : std::nullopt);
  line("A", law.a, of(&ParametricLaw::a), spread ? std::optional(spread->log_a) : std::nullopt);
  line("B", law.b, of(&ParametricLaw::b), spread ? std::optional(spread->log_b) : std::nullopt);
  line("alpha", law.alpha, of(&ParametricLaw::alpha), std::nullopt);
  line("beta", law.beta, of(&ParametricLaw::beta), std::nullopt);
  text += fmt::format("  N* = k C^a   a = {:.4f} {}\n", report.a.value, interval_text(report.a.interval));
  text += fmt::format("  D* = k C^b   b = {:.4f} {}\n", report.b.value, interval_text(report.b.interval));
  text += fmt::format("  objective    {:.7g}; {} of {} starts of L-BFGS reached it\n", report.fit.objective, report.fit.starts_reached,
                      report.fit.starts_tried);
  text += fmt::format("  optimisers   L-BFGS {:.9g}, BOBYQA on its own {:.9g}: {}\n", report.fit.lbfgs.objective,
                      report.fit.bobyqa.objective, report.fit.optimizers_agree ? "the same optimum" : "not the same optimum");
  if (report.bootstrap.asked == 0) return text + "  bootstrap    none asked for: no intervals\n";
  return text + fmt::format("  bootstrap    {} re-fits, {} failed, seed {}; intervals are the middle {:g} %\n", report.bootstrap.asked,
                            report.bootstrap.failed, report.bootstrap.seed, 100 * report.bootstrap.level);
}

std::string outliers_text(const FitReport& report) {
  constexpr std::size_t most = 8;
  const ParametricReport& parametric = *report.parametric;
  const Outliers& outliers = parametric.outliers;
  std::string text = fmt::format("  outliers     {} with |log residual| above {:.3g} (5 x 1.4826 MAD); none is dropped\n",
                                 outliers.rows.size(), outliers.limit);
  for (std::size_t i = 0; i < std::min(outliers.rows.size(), most); ++i) {
    const Outlier& outlier = outliers.rows[i];
    const auto row =
        std::find_if(report.rows.rows.begin(), report.rows.rows.end(), [&](const FitRow& at) { return at.row == outlier.row; });
    text += fmt::format("               row {}: loss {:.4f}, fitted {:.4f}; N {:.4g}, {:.3g} tokens a parameter\n", outlier.row, row->loss,
                        row->loss * std::exp(outlier.log_residual), row->parameters, row->tokens / row->parameters);
  }
  if (outliers.rows.size() > most) text += fmt::format("               and {} more\n", outliers.rows.size() - most);
  if (!outliers.influence) return text;
  const OutlierInfluence& influence = *outliers.influence;
  const ParametricLaw &without = influence.law_without, &with = parametric.fit.law;
  text += fmt::format(
      "               they hold {:.1f} % of the objective and move the law: without them alpha is {:.4f} (with: {:.4f}), beta {:.4f} "
      "({:.4f}), "
      "a {:.4f} ({:.4f})\n",
      100 * influence.share_of_objective, without.alpha, with.alpha, without.beta, with.beta, exponents(without).a, exponents(with).a);
  return text + fmt::format("               half of them have {:.3g} tokens a parameter or fewer, half of the other rows {:.3g} or fewer\n",
                            influence.tokens_per_parameter, influence.tokens_per_parameter_other);
}

std::string diagnostics_text(const FitReport& whole) {
  const ParametricReport& report = *whole.parametric;
  std::string text;
  for (const Flatness& at : report.flatness)
    text += fmt::format("  flatness     at {:.4g} FLOPs ({}): half of N* costs {:.4g}, twice N* {:.4g} nats a token\n", at.flops, at.where,
                        at.half, at.twice);
  text += outliers_text(whole);
  const HeldOut& held = report.held_out;
  if (!held.reason.empty()) return text + fmt::format("  held out     {}\n", held.reason);
  return text +
         fmt::format(
             "  held out     the {} rows up to {:.4g} FLOPs predict the {} above: loss off by {:+.2f} % on average ({:.2f} % in size, "
             "at most {:+.2f} %); their a is {:.4f}, {:+.4f} from that of all rows\n",
             held.fitted, held.largest_fitted_flops, held.predicted, 100 * held.mean_error, 100 * held.mean_absolute_error,
             100 * held.largest_error, held.a, held.a_change);
}

std::string powers_text(const ApproachFit& fit) {
  std::string text =
      fmt::format("  N* = {:.4g} C^a   a = {:.4f} {}\n", fit.parameters.coefficient, fit.a.value, interval_text(fit.a.interval));
  text += fmt::format("  D* = {:.4g} C^b   b = {:.4f} {}\n", fit.tokens.coefficient, fit.b.value, interval_text(fit.b.interval));
  if (!fit.reason.empty()) return text + fmt::format("  no interval  {}\n", fit.reason);
  return text +
         fmt::format("  bootstrap    {} re-fits, {} failed; intervals are the middle {:g} %\n", fit.samples, fit.failed, 100 * fit.level);
}

std::string isoflop_text(const IsoflopFit& fit) {
  std::string text = "\nApproach 2: the minimum of a parabola in ln N at each budget\n" + powers_text(fit.fit);
  for (const IsoflopGroup& group : fit.groups)
    text += fmt::format("  {:>10.4g} FLOPs: {} rows, N* {:.4g}, D* {:.4g}, loss {:.4f}\n", group.budget, group.rows,
                        group.optimum.parameters, group.optimum.tokens, group.loss);
  for (const DroppedGroup& group : fit.dropped_groups)
    text += fmt::format("  {:>10.4g} FLOPs: {} rows, left out: {}\n", group.budget, group.rows, group.reason);
  if (!fit.dropped_rows.empty()) text += fmt::format("  in no group  rows {}\n", numbers(fit.dropped_rows));
  return text;
}

std::string envelope_text(const EnvelopeFit& fit) {
  return fmt::format("\nApproach 1: the lower envelope of {} curves, which moves {} times between sizes\n", fit.runs.size(),
                     fit.moves.size()) +
         powers_text(fit.fit);
}

std::string forms_text(const FitReport& report) {
  std::string text;
  if (const auto& fit = report.overtraining) {
    const OvertrainingLaw& law = fit->law;
    text += "\nOver-training form: L(C, M) = E + (a M^eta + b M^-eta) C^-eta, M = D / N\n";
    text += fmt::format("  law          E {:.6g}, a {:.6g}, b {:.6g}, eta {:.6g}; least loss at M = {:.4g}\n", law.e, law.a, law.b, law.eta,
                        optimal_tokens_per_parameter(law));
    text += fmt::format("  objective    {:.7g}; {} of {} starts reached it\n", fit->objective, fit->starts_reached, fit->starts_tried);
  }
  if (const auto& fit = report.repetition) {
    text += "\nRepeated data: D' = U (1 + R_D* (1 - e^(-R / R_D*))), R = D / U - 1, and N' likewise, under the law of approach 3\n";
    text += fmt::format("  half-lives   R_D* {:.4g}, R_N* {:.4g}; the rows reach R_D {:.3g}, R_N {:.3g}\n", fit->law.data_half_life,
                        fit->law.parameter_half_life, fit->data_repetitions, fit->parameter_excess);
    text += fmt::format("  rows         {} that repeat their unique tokens; they take no part in approach 3\n", fit->rows);
  }
  return text;
}

std::string cell(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

std::string fit_text(const FitReport& report) {
  std::string text = rows_text(report);
  if (report.parametric) text += law_text(*report.parametric) + diagnostics_text(report);
  if (report.isoflop) text += isoflop_text(*report.isoflop);
  if (report.envelope) text += envelope_text(*report.envelope);
  text += forms_text(report);
  for (const auto& [approach, reason] : report.reason) text += fmt::format("\nApproach {}: none. {}\n", static_cast<int>(approach), reason);
  if (!report.warnings.empty()) text += "\n";
  for (const std::string& warning : report.warnings) text += fmt::format("warning: {}\n", warning);
  return text;
}

std::string fit_csv(const FitReport& report) {
  ERGON_CHECK(report.parametric.has_value(), "fitted values without a parametric fit");
  std::set<std::int64_t> outliers;
  for (const Outlier& outlier : report.parametric->outliers.rows) outliers.insert(outlier.row);
  const ParametricLaw& law = report.parametric->fit.law;
  std::string text = "row,run,N,D,C,loss,fitted,log_residual,outlier\n";
  for (const FitRow& row : report.rows.rows)
    text += fmt::format("{},{},{},{},{},{},{},{},{}\n", row.row, cell(row.run), row.parameters, row.tokens, row.flops, row.loss,
                        loss(law, {row.parameters, row.tokens}), log_residual(law, row), outliers.count(row.row));
  return text;
}

}  // namespace ergon
