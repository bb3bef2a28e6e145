// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/fit_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "accounting/scaling/fit_checks.hpp"
#include "accounting/scaling/quantile.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

WorkProgress named(const FitProgress& progress, const std::string& what) {
  if (!progress) return {};
  return [progress, what](std::int64_t done, std::int64_t all) { progress(what, done, all); };
}

template <typename Value>
Estimate estimate(const FitBootstrap& bootstrap, double value, Value of) {
  Estimate result{value, std::nullopt};
  if (!gives_intervals(bootstrap)) return result;
  std::vector<double> values;
  for (const ParametricLaw& sample : bootstrap.samples) values.push_back(of(sample));
  result.interval = middle_interval(std::move(values), bootstrap.level);
  return result;
}

ParametricReport parametric_report(const FitInput& input, const FitRequest& request) {
  const std::vector<FitRow>& rows = input.points.rows;
  require_fittable(rows, input.title);
  ParametricReport report;
  report.fit = fit_parametric(rows, {request.huber_delta, request.start_stride, request.threads, named(request.progress, "starts")});
  report.bootstrap = bootstrap_parametric(
      rows, report.fit, {request.bootstrap, request.level, request.seed, request.threads, named(request.progress, "bootstrap")});
  if (gives_intervals(report.bootstrap)) report.spread = spread_of(report.bootstrap.samples);
  const Exponents best = exponents(report.fit.law);
  report.a = estimate(report.bootstrap, best.a, [](const ParametricLaw& law) { return exponents(law).a; });
  report.b = estimate(report.bootstrap, best.b, [](const ParametricLaw& law) { return exponents(law).b; });
  report.outliers = find_outliers(rows, report.fit);
  report.flatness = flatness_of(report.fit.law, rows, request.budget);
  report.held_out = held_out(rows, report.fit, request.threads);
  return report;
}

void fit_one(FitReport& report, Approach approach, const FitInput& input, const FitRequest& request) {
  const Resampling resampling{request.bootstrap, request.level, request.seed};
  switch (approach) {
    case Approach::envelope:
      report.envelope = fit_envelope(input.curves, resampling);
      break;
    case Approach::isoflop:
      report.isoflop = fit_isoflop(input.points, request.budgets, resampling);
      break;
    case Approach::parametric:
      report.parametric = parametric_report(input, request);
      break;
  }
}

bool repeats(const FitRow& row) { return row.unique_tokens && row.tokens > 1.001 * *row.unique_tokens; }

void fit_forms(FitReport& report, const FitInput& input, const FitRequest& request) {
  if (request.forms.count(LawForm::overtraining) > 0) report.overtraining = fit_overtraining(report.rows.rows, request.huber_delta);
  if (request.forms.count(LawForm::repetition) == 0) return;
  if (!report.parametric)
    throw Error("what repeated data are worth is fitted under a law of fresh data, and approach 3 gives none", "--repetition",
                "ask for approach 3 too, with rows that it can be fitted to");
  // Fresh rows made the law that stands still here, by all of their N; the form would take a part of it from those above N*(D).
  std::vector<FitRow> repeated;
  std::copy_if(input.points.rows.begin(), input.points.rows.end(), std::back_inserter(repeated), repeats);
  report.repetition = fit_repetition(repeated, report.parametric->fit.law, request.huber_delta);
}

// What a reader of the numbers must know.
void warn(FitReport& report) {
  if (report.envelope) report.warnings.insert(report.warnings.end(), report.envelope->warnings.begin(), report.envelope->warnings.end());
  if (!report.parametric) return;
  const ParametricReport& parametric = *report.parametric;
  report.warnings.insert(report.warnings.end(), parametric.fit.warnings.begin(), parametric.fit.warnings.end());
  const auto repeated = std::count_if(report.rows.rows.begin(), report.rows.rows.end(), repeats);
  if (repeated > 0)
    report.warnings.push_back(
        fmt::format("{} of {} rows repeat their data (D above the unique tokens), and approach 3 takes every token for a "
                    "fresh one: --repetition fits what a repeated one is worth",
                    repeated, report.rows.rows.size()));
  const FitBootstrap& bootstrap = parametric.bootstrap;
  if (bootstrap.failed > 0)
    report.warnings.push_back(
        fmt::format("{} of {} re-fits of the bootstrap failed and are in no interval", bootstrap.failed, bootstrap.asked));
  if (10 * parametric.fit.starts_reached < parametric.fit.starts_tried)
    report.warnings.push_back(
        fmt::format("only {} of {} starts reached the optimum", parametric.fit.starts_reached, parametric.fit.starts_tried));
}

}  // namespace

FitInput fit_input(const std::string& title, FitRows table) {
  FitInput input{title, {}, {}};
  const bool curves = std::any_of(table.rows.begin(), table.rows.end(), [](const FitRow& row) { return !row.run.empty(); });
  input.points = table;
  if (!curves) return input;
  std::map<std::string, FitRow> last;
  for (const FitRow& row : table.rows) {
    const auto [at, is_new] = last.try_emplace(row.run, row);
    if (!is_new && std::pair(row.step, row.flops) > std::pair(at->second.step, at->second.flops)) at->second = row;
  }
  input.points.rows.clear();
  for (const auto& [run, row] : last) input.points.rows.push_back(row);
  std::sort(input.points.rows.begin(), input.points.rows.end(), [](const FitRow& a, const FitRow& b) { return a.row < b.row; });
  if (input.points.rows.size() < table.rows.size())
    input.points.warnings.push_back(fmt::format("{} rows are curves of {} runs: of each the last point is fitted by approaches 2 and 3",
                                                table.rows.size(), last.size()));
  input.curves = std::move(table);
  return input;
}

FitReport make_fit_report(const FitInput& input, const FitRequest& request) {
  ERGON_CHECK(!request.approaches.empty(), "a fit by no approach");
  FitInput fitted = input;
  if (request.forms.count(LawForm::repetition) > 0) std::erase_if(fitted.points.rows, repeats);
  FitReport report;
  report.title = input.title;
  report.rows = fitted.points;
  report.level = request.level;
  report.warnings = input.points.warnings;
  report.repeated_rows = static_cast<std::int64_t>(input.points.rows.size() - fitted.points.rows.size());
  std::optional<Error> refused;
  for (const Approach approach : request.approaches) {
    try {
      fit_one(report, approach, fitted, request);
    } catch (const Error& error) {
      report.reason[approach] = error.problem();
      refused = error;
    }
  }
  if (refused && report.reason.size() == request.approaches.size()) throw *refused;
  fit_forms(report, input, request);
  warn(report);
  return report;
}

ScalingLaw law_of(const FitReport& report, const std::string& name) {
  ScalingLaw law;
  law.name = name;
  law.title = fmt::format("fit of {}", report.title);
  law.source = fmt::format("ergon fit {}", report.title);
  law.traps = report.warnings;
  law.definitions = report.rows.definitions;
  const auto bounds = [&](double FitRow::*value) {
    const auto [low, high] = std::minmax_element(report.rows.rows.begin(), report.rows.rows.end(),
                                                 [&](const FitRow& a, const FitRow& b) { return a.*value < b.*value; });
    return Bounds{(*low).*value, (*high).*value};
  };
  law.domain = {bounds(&FitRow::parameters), bounds(&FitRow::tokens), bounds(&FitRow::flops)};
  law.fit = LawFit{std::nullopt, 0, report.rows.input_sha256, static_cast<std::int64_t>(report.rows.rows.size()), report.level};
  if (report.parametric) {
    law.loss_law = report.parametric->fit.law;
    if (report.repetition) law.repetition = report.repetition->law;
    if (gives_intervals(report.parametric->bootstrap)) law.samples = report.parametric->bootstrap.samples;
    law.fit->huber_delta = report.parametric->fit.huber_delta;
    law.fit->seed = report.parametric->bootstrap.seed;
    return law;
  }
  ERGON_CHECK(report.isoflop || report.envelope, "a report without a fit");
  const ApproachFit& fit = report.isoflop ? report.isoflop->fit : report.envelope->fit;
  if (!(fit.a.value > 0))
    throw Error(fmt::format("by this fit the best size does not grow with C (a = {:.3g}), which is no law to plan with", fit.a.value),
                "--law-out", "leave --law-out out, or add rows of larger budgets");
  law.allocation = PowerAllocation{fit.parameters, fit.tokens, false};
  const std::string approach = report.isoflop ? "2" : "1";
  law.samples_note =
      fit.a.interval
          ? fmt::format("approach {} gives intervals of the exponents only: a {:.4f} to {:.4f}, b {:.4f} to {:.4f}, the middle {:g} %",
                        approach, fit.a.interval->low, fit.a.interval->high, fit.b.interval->low, fit.b.interval->high, 100 * fit.level)
          : fmt::format("approach {}: {}", approach, fit.reason);
  return law;
}

}  // namespace ergon
