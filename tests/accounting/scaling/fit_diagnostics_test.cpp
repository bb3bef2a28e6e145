// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/fit_diagnostics.hpp"

#include <cmath>

#include "tests/accounting/scaling/synthetic.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using ergon::test::relative;

namespace {

const ParametricLaw planted_law = {1.7, 400, 1500, 0.34, 0.36};

}  // namespace

TEST_CASE("an outlier is named with its row and what it does, and points of a law have none") {
  std::vector<FitRow> rows = test::planted(planted_law, 5, 6, 0.005, 4);
  CHECK(find_outliers(rows, fit_parametric(rows, {1e-3, 100, 0, {}})).rows.empty());
  rows[12].loss *= 1.3;
  const ParametricFit fit = fit_parametric(rows, {1e-3, 100, 0, {}});
  const Outliers outliers = find_outliers(rows, fit);
  REQUIRE(outliers.rows.size() == 1);
  CHECK(outliers.rows[0].row == 13);
  CHECK(outliers.rows[0].log_residual == Approx(-std::log(1.3)).epsilon(0.1));
  REQUIRE(outliers.influence);
  CHECK(outliers.influence->share_of_objective > 0.3);
  CHECK(outliers.influence->tokens_per_parameter == Approx(rows[12].tokens / rows[12].parameters));
  rows.erase(rows.begin() + 12);
  CHECK(relative(outliers.influence->law_without.alpha, fit_parametric(rows, {1e-3, 100, 0, {}}).law.alpha) < 1e-5);
}

TEST_CASE("without noise rounding makes no outliers, and one wrong row is one") {
  std::vector<FitRow> rows = test::planted(planted_law, 5, 6, 0, 4);
  CHECK(find_outliers(rows, fit_parametric(rows, {1e-3, 100, 0, {}})).rows.empty());
  rows[3].loss *= 1.001;
  CHECK(find_outliers(rows, fit_parametric(rows, {1e-3, 100, 0, {}})).rows.size() == 1);
}

TEST_CASE("why all of Hoffmann's points differ: the rows of highest loss are outliers with next to no data for their size") {
  const std::vector<FitRow> rows = test::chinchilla(0);
  const Outliers outliers = find_outliers(rows, fit_parametric(rows, {1e-3, 50, 0, {}}));
  REQUIRE(outliers.influence);
  std::vector<std::int64_t> numbers;
  for (const Outlier& outlier : outliers.rows) numbers.push_back(outlier.row);
  CHECK(numbers == std::vector<std::int64_t>{2, 1, 4, 3, 245});  // by size of the residual
  CHECK(outliers.influence->share_of_objective == Approx(0.3705).epsilon(1e-2));
  CHECK(outliers.influence->tokens_per_parameter == Approx(0.233).epsilon(1e-2));
  CHECK(outliers.influence->tokens_per_parameter_other > 5);
  CHECK(outliers.influence->law_without.beta < 0.43);
}

TEST_CASE("flatness at the largest C and at the budget") {
  const std::vector<FitRow> rows = test::planted(planted_law, 5, 6, 0, 4);
  const auto both = flatness_of(planted_law, rows, 1e24);
  REQUIRE(both.size() == 2);
  CHECK(both[0].flops == Approx(3e21));
  CHECK(both[1].flops == 1e24);
  const Allocation best = optimal(planted_law, 1e24);
  CHECK(both[1].half == Approx(loss(planted_law, {best.parameters / 2, best.tokens * 2}) - loss(planted_law, best)));
  CHECK(both[1].twice == Approx(loss(planted_law, {best.parameters * 2, best.tokens / 2}) - loss(planted_law, best)));
  CHECK(flatness_of(planted_law, rows, {}).size() == 1);
}

TEST_CASE("held out: without noise the top fifth is predicted, with noise to about the noise, and a steeper top is seen") {
  std::vector<FitRow> rows = test::planted(planted_law, 5, 6, 0, 4);
  const HeldOut exact = held_out(rows, fit_parametric(rows, {1e-3, 100, 0, {}}), 0);
  CHECK(exact.reason.empty());
  CHECK(exact.fitted == 24);
  CHECK(exact.predicted == 6);
  CHECK(exact.mean_absolute_error < 1e-6);
  CHECK(std::abs(exact.a_change) < 1e-6);
  for (FitRow& row : rows)
    if (row.flops > 1e21) row.loss *= 0.95;
  const HeldOut steeper = held_out(rows, fit_parametric(rows, {1e-3, 100, 0, {}}), 0);
  CHECK(steeper.mean_error == Approx(1 / 0.95 - 1).epsilon(1e-3));
  CHECK(steeper.largest_error == Approx(1 / 0.95 - 1).epsilon(1e-2));
  CHECK(exact.largest_fitted_flops < 1e21);
}

TEST_CASE("held out: too few rows below give the reason") {
  const std::vector<FitRow> rows = test::planted(planted_law, 2, 3, 0, 4);
  ParametricFit fit;
  fit.law = planted_law, fit.huber_delta = 1e-3;
  CHECK(held_out(rows, fit, 0).reason.find("cannot determine five unknowns") != std::string::npos);
}
