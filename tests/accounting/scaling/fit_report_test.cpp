// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/fit_report.hpp"

#include <algorithm>
#include <cmath>

#include "accounting/scaling/law_loss.hpp"
#include "accounting/scaling/law_report.hpp"
#include "accounting/scaling/law_toml.hpp"
#include "configs/error.hpp"
#include "tests/accounting/scaling/synthetic.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using Catch::Matchers::Contains;
using ergon::test::relative;

namespace {

const ParametricLaw reported_law = {1.7, 400, 1500, 0.34, 0.36};

FitInput points(double noise, bool with_budgets = false) {
  FitRows rows;
  rows.rows = test::planted(reported_law, 6, 8, noise, 11);
  if (with_budgets)
    for (FitRow& row : rows.rows) row.budget = row.flops;
  return fit_input("points.csv", rows);
}

FitRequest quick(std::set<Approach> approaches = {Approach::parametric}) {
  FitRequest request;
  request.approaches = std::move(approaches);
  request.start_stride = 100;
  request.bootstrap = 40;
  return request;
}

// Curves of eight sizes: each run passes the law from a tenth of its tokens on.
FitRows curves() {
  FitRows rows;
  for (int i = 0; i < 8; ++i)
    for (int step = 1; step <= 200; ++step) {
      const double n = 1e8 * std::pow(1.7, i), d = 40 * n * step / 200.0;
      FitRow row = test::point(static_cast<std::int64_t>(rows.rows.size()) + 1, n, d, 6 * n * d, loss(reported_law, {n, d}));
      row.run = fmt::format("run{}", i), row.step = step;
      rows.rows.push_back(row);
    }
  return rows;
}

}  // namespace

TEST_CASE("the planted exponents lie within their intervals, by approach 3 and by approach 2") {
  const FitReport report = make_fit_report(points(0.003, true), quick({Approach::parametric, Approach::isoflop}));
  REQUIRE(report.parametric);
  const Exponents planted = exponents(reported_law);
  REQUIRE(report.parametric->a.interval);
  CHECK(report.parametric->a.interval->low < planted.a);
  CHECK(report.parametric->a.interval->high > planted.a);
  CHECK(report.parametric->a.value + report.parametric->b.value == Approx(1));
  REQUIRE(report.isoflop);
  CHECK(std::abs(report.isoflop->fit.a.value - planted.a) < 0.05);
  CHECK(report.reason.empty());
}

TEST_CASE("rows that repeat their data are counted in a warning of approach 3") {
  FitInput input = points(0);
  const auto warned = [&] {
    const auto said = make_fit_report(input, quick()).warnings;
    return std::any_of(said.begin(), said.end(),
                       [&](const std::string& warning) { return warning.find("2 of 48 rows repeat their data") != std::string::npos; });
  };
  for (FitRow& row : input.points.rows) row.unique_tokens = row.tokens;
  CHECK_FALSE(warned());
  for (const std::size_t i : {3, 7}) input.points.rows[i].unique_tokens = input.points.rows[i].tokens / 4;
  CHECK(warned());
}

TEST_CASE("curves: the last point of each run is fitted, the curves go to approach 1") {
  const FitInput input = fit_input("curves.csv", curves());
  CHECK(input.points.rows.size() == 8);
  CHECK(input.points.rows[2].step == 200);
  CHECK(input.points.rows[2].row == 600);
  CHECK(input.curves.rows.size() == 1600);
  REQUIRE(input.points.warnings.size() == 1);
  CHECK(input.points.warnings[0].find("1600 rows are curves of 8 runs") != std::string::npos);
  const FitReport report = make_fit_report(input, quick({Approach::envelope}));
  REQUIRE(report.envelope);
  CHECK(std::abs(report.envelope->fit.a.value - exponents(reported_law).a) < 0.03);
  CHECK_FALSE(report.parametric);
  const ScalingLaw written = law_of(report, "mine");
  CHECK_FALSE(written.loss_law);
  REQUIRE(written.allocation);
  CHECK(written.allocation->parameters.exponent == report.envelope->fit.a.value);
  CHECK(fit_text(report).find("Approach 1: the lower envelope of 8 curves") != std::string::npos);
  CHECK_THROWS_AS(fit_csv(report), Bug);
}

TEST_CASE("of several approaches those that the data do not allow have a reason, a single one is refused") {
  const FitReport report = make_fit_report(points(0.003), quick({Approach::envelope, Approach::isoflop, Approach::parametric}));
  CHECK(report.parametric);
  CHECK_FALSE(report.envelope);
  CHECK_FALSE(report.isoflop);
  CHECK(report.reason.at(Approach::envelope).find("run") != std::string::npos);
  CHECK(report.reason.at(Approach::isoflop).find("budget") != std::string::npos);
  CHECK_THROWS_AS(make_fit_report(points(0.003), quick({Approach::envelope})), Error);
  FitInput few = points(0);
  few.points.rows.resize(3);
  CHECK_THROWS_WITH(make_fit_report(few, quick()), Contains("cannot determine five unknowns"));
}

TEST_CASE("without a bootstrap there are no intervals, and progress is told in phases") {
  FitRequest request = quick();
  request.bootstrap = 0;
  request.budget = 1e23;
  std::set<std::string> phases;
  request.progress = [&](const std::string& what, std::int64_t, std::int64_t) { phases.insert(what); };
  const FitReport report = make_fit_report(points(0.003), request);
  CHECK_FALSE(report.parametric->a.interval);
  CHECK_FALSE(report.parametric->spread);
  CHECK(report.parametric->flatness.size() == 2);
  CHECK(phases == std::set<std::string>{"starts"});
}

TEST_CASE("the law that is written carries its data, its fit and its samples") {
  FitInput input = points(0.003);
  input.points.input_sha256 = "abc";
  input.points.definitions.parameters = "matmul";
  const FitReport report = make_fit_report(input, quick());
  const ScalingLaw written = law_of(report, "mine");
  CHECK(written.name == "mine");
  CHECK(written.loss_law == report.parametric->fit.law);
  CHECK(written.samples.size() == 40);
  CHECK(written.fit->input_sha256 == "abc");
  CHECK(written.fit->rows == 48);
  CHECK(written.fit->huber_delta == 1e-3);
  CHECK(written.definitions.parameters == "matmul");
  CHECK(relative(written.domain.flops->low, 6e18) < 1e-9);
  CHECK(relative(written.domain.flops->high, 3e21) < 1e-9);
}

TEST_CASE("the law of approach 2 reads back from its file, says which intervals there are, and a size that falls with C is none") {
  FitReport report = make_fit_report(points(0.003, true), quick({Approach::isoflop}));
  const ScalingLaw written = law_of(report, "mine");
  const ScalingLaw read = parse_law(law_toml(written, ""), "mine", "mine.toml", {});
  REQUIRE(read.allocation);
  CHECK(read.allocation->parameters.exponent == report.isoflop->fit.a.value);
  CHECK(read.allocation->printed_tokens->coefficient == report.isoflop->fit.tokens.coefficient);
  REQUIRE(read.fit);
  CHECK_FALSE(read.fit->huber_delta);
  CHECK(read.fit->rows == 48);
  CHECK(read.samples.empty());
  CHECK_THAT(read.samples_note, Contains("approach 2 gives intervals of the exponents only: a 0.") && Contains("the middle 80 %"));
  const std::string shown = law_show_json(read, 0.8);
  CHECK_THAT(shown, Contains("\"fit.huber_delta\": \"the law is not of approach 3"));
  CHECK(law_show_text(read, 0.8).find("48 rows, input SHA-256") != std::string::npos);
  report.isoflop->fit.a.value = -0.1;
  CHECK_THROWS_WITH(law_of(report, "mine"), Contains("the best size does not grow with C (a = -0.1)"));
}

TEST_CASE("repeated rows leave approach 3 when their worth is asked for, and give the planted half-lives back") {
  FitInput input = points(0);
  const RepetitionLaw planted = {15, 5};
  for (FitRow& row : input.points.rows) row.unique_tokens = row.tokens;  // fresh, many of them above N*(D)
  for (const double epochs : {2.0, 5.0, 20.0})
    for (const double size : {0.5, 1.0, 3.0, 8.0}) {
      const double unique = 3e9, n = size * parameters_for_tokens(reported_law, unique), d = epochs * unique;
      FitRow row = test::point(static_cast<std::int64_t>(input.points.rows.size()) + 1, n, d, 6 * n * d,
                               loss(reported_law, effective(reported_law, planted, {n, d}, unique)));
      row.unique_tokens = unique;
      input.points.rows.push_back(row);
    }
  FitRequest request = quick();
  request.forms = {LawForm::repetition};
  request.bootstrap = 0;
  const FitReport report = make_fit_report(input, request);
  CHECK(report.rows.rows.size() == 48);
  CHECK(report.repeated_rows == 12);
  REQUIRE(report.repetition);
  CHECK(relative(report.repetition->law.data_half_life, 15) < 1e-2);
  CHECK(relative(report.repetition->law.parameter_half_life, 5) < 1e-2);
  CHECK(law_of(report, "mine").repetition->data_half_life == report.repetition->law.data_half_life);
  CHECK(fit_text(report).find("12 that repeat their unique tokens; they take no part in approach 3") != std::string::npos);
  request.approaches = {Approach::isoflop};
  request.budgets = {6e18, 3e21};
  CHECK_THROWS_WITH(make_fit_report(input, request), Contains("approach 3 gives none"));
}

TEST_CASE("the over-training form of a law with one exponent is that law again") {
  const ParametricLaw symmetric = {1.7, 900, 1500, 0.36, 0.36};
  FitRows rows;
  rows.rows = test::planted(symmetric, 6, 8, 0, 3);
  FitRequest request = quick();
  request.forms = {LawForm::overtraining};
  const FitReport report = make_fit_report(fit_input("points.csv", rows), request);
  REQUIRE(report.overtraining);
  CHECK(relative(report.overtraining->law.eta, 0.18) < 1e-4);
  CHECK(relative(report.overtraining->law.a, 900 * std::pow(6, 0.18)) < 1e-3);
  CHECK(fit_text(report).find("Over-training form: L(C, M)") != std::string::npos);
}
