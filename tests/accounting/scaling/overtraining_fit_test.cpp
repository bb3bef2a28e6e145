// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/overtraining_fit.hpp"

#include <cmath>

#include "configs/error.hpp"
#include "tests/accounting/scaling/planted.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using Catch::Matchers::Contains;

namespace {

const OvertrainingLaw planted = {1.7, 120, 350, 0.17};

// Five budgets, M from 5 to 640: Gadre's range.
std::vector<FitRow> rows_of(const OvertrainingLaw& law, double sigma, std::uint64_t seed) {
  Noise noise(seed);
  std::vector<FitRow> rows;
  for (const double flops : {1e18, 5e18, 2e19, 1e20, 4e20}) {
    for (double m = 5; m <= 640; m *= 2) {
      FitRow row;
      row.row = static_cast<std::int64_t>(rows.size()) + 1;
      row.parameters = std::sqrt(flops / 6 / m);
      row.tokens = m * row.parameters;
      row.flops = flops;
      row.loss = loss(law, {flops, m}) * std::exp(sigma * noise.normal());
      rows.push_back(row);
    }
  }
  return rows;
}

std::string overtraining_refusal(const std::vector<FitRow>& rows) {
  try {
    fit_overtraining(rows, 1e-3);
  } catch (const Error& error) {
    CHECK_FALSE(error.hint().empty());
    return error.problem();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a planted over-training law is recovered to five digits, from many starts") {
  const OvertrainingFit fit = fit_overtraining(rows_of(planted, 0, 1), 1e-3);
  CHECK(fit.law.e == Approx(planted.e).epsilon(1e-5));
  CHECK(fit.law.a == Approx(planted.a).epsilon(1e-4));
  CHECK(fit.law.b == Approx(planted.b).epsilon(1e-4));
  CHECK(fit.law.eta == Approx(planted.eta).epsilon(1e-5));
  CHECK(fit.starts_tried == 180);
  CHECK(fit.starts_reached >= 18);
}

TEST_CASE("with noise the law is found within it, and no neighbour has a lower sum") {
  const std::vector<FitRow> rows = rows_of(planted, 0.002, 3);
  const OvertrainingFit fit = fit_overtraining(rows, 1e-3);
  CHECK(fit.law.eta == Approx(planted.eta).epsilon(0.05));
  const auto sum = [&](const OvertrainingLaw& law) {
    double total = 0;
    for (const FitRow& row : rows) {
      const double r = std::abs(std::log(loss(law, {row.flops, row.tokens / row.parameters}) / row.loss));
      total += r <= 1e-3 ? r * r / 2 : 1e-3 * (r - 5e-4);
    }
    return total;
  };
  CHECK(fit.objective == Approx(sum(fit.law)).epsilon(1e-12));
  CHECK(fit.objective < sum(planted));
  for (const double k : {0.999, 1.001}) {
    CHECK(sum({fit.law.e * k, fit.law.a, fit.law.b, fit.law.eta}) > fit.objective);
    CHECK(sum({fit.law.e, fit.law.a * k, fit.law.b, fit.law.eta}) > fit.objective);
    CHECK(sum({fit.law.e, fit.law.a, fit.law.b * k, fit.law.eta}) > fit.objective);
    CHECK(sum({fit.law.e, fit.law.a, fit.law.b, fit.law.eta * k}) > fit.objective);
  }
}

TEST_CASE("rows that do not determine the law are refused") {
  std::vector<FitRow> rows = rows_of(planted, 0, 1);
  CHECK(overtraining_refusal({rows.begin(), rows.begin() + 4}) == "4 rows are too few for four unknowns");
  CHECK_THAT(overtraining_refusal({rows.begin(), rows.begin() + 8}), Contains("all rows have one C"));
  std::vector<FitRow> one_m;
  for (std::size_t i = 0; i < rows.size(); i += 8) one_m.push_back(rows[i]);
  CHECK_THAT(overtraining_refusal(one_m), Contains("all rows have one M = D / N"));
  CHECK_THAT(overtraining_refusal(rows_of({0, 120, 350, 0.17}, 0, 1)), Contains("no floor E"));
  CHECK_THAT(overtraining_refusal(rows_of({1.7, 120, 0, 0.17}, 0, 1)), Contains("depends on one of N and D alone"));
  std::vector<FitRow> steep = rows_of({1.7, 1e40, 3e40, 2.6}, 0, 1);
  steep.resize(16);
  CHECK_THAT(overtraining_refusal(steep), Contains("an exponent without bound"));
}
