// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/repetition_fit.hpp"

#include <cmath>

#include "accounting/scaling/law_loss.hpp"
#include "configs/error.hpp"
#include "tests/accounting/scaling/planted.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using Catch::Matchers::Contains;

namespace {

const ParametricLaw base = {1.87, 521, 1488, 0.353, 0.353};
const RepetitionLaw half_lives = {15, 5};

// Two data sets, up to 40 epochs, models from half to eight times what the data are optimal for.
std::vector<FitRow> repeated_rows(const RepetitionLaw& law, double sigma, std::uint64_t seed) {
  Noise noise(seed);
  std::vector<FitRow> rows;
  for (const double unique : {1e8, 1e9}) {
    for (const double epochs : {1, 2, 4, 10, 40}) {
      for (const double size : {0.5, 1.0, 3.0, 8.0}) {
        FitRow row;
        row.row = static_cast<std::int64_t>(rows.size()) + 1;
        row.parameters = size * parameters_for_tokens(base, unique);
        row.tokens = epochs * unique;
        row.flops = 6 * row.parameters * row.tokens;
        row.unique_tokens = unique;
        row.loss = loss(base, effective(base, law, {row.parameters, row.tokens}, unique)) * std::exp(sigma * noise.normal());
        rows.push_back(row);
      }
    }
  }
  return rows;
}

std::string repetition_refusal(const std::vector<FitRow>& rows) {
  try {
    fit_repetition(rows, base, 1e-3);
  } catch (const Error& error) {
    CHECK_FALSE(error.hint().empty());
    return error.problem();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("planted half-lives are recovered to four digits") {
  const RepetitionFit fit = fit_repetition(repeated_rows(half_lives, 0, 1), base, 1e-3);
  CHECK(fit.law.data_half_life == Approx(15).epsilon(1e-4));
  CHECK(fit.law.parameter_half_life == Approx(5).epsilon(1e-4));
  CHECK(fit.rows == 40);
  CHECK(fit.data_repetitions == Approx(39));
  CHECK(fit.parameter_excess == Approx(7));
  CHECK(fit.objective < 1e-12);
}

TEST_CASE("with noise they are found within it, at the lowest sum around") {
  const std::vector<FitRow> rows = repeated_rows(half_lives, 0.001, 5);
  const RepetitionFit fit = fit_repetition(rows, base, 1e-3);
  CHECK(fit.law.data_half_life == Approx(15).epsilon(0.1));
  CHECK(fit.law.parameter_half_life == Approx(5).epsilon(0.1));
  const auto sum = [&](const RepetitionLaw& law) {
    double total = 0;
    for (const FitRow& row : rows) {
      const double r = std::abs(std::log(loss(base, effective(base, law, {row.parameters, row.tokens}, *row.unique_tokens)) / row.loss));
      total += r <= 1e-3 ? r * r / 2 : 1e-3 * (r - 5e-4);
    }
    return total;
  };
  CHECK(fit.objective == Approx(sum(fit.law)).epsilon(1e-9));
  for (const double k : {0.98, 1.02}) {
    CHECK(sum({fit.law.data_half_life * k, fit.law.parameter_half_life}) > fit.objective);
    CHECK(sum({fit.law.data_half_life, fit.law.parameter_half_life * k}) > fit.objective);
  }
}

TEST_CASE("unique tokens beyond D are D: nothing repeats, and rows without them are not used") {
  std::vector<FitRow> rows = repeated_rows(half_lives, 0, 1);
  for (FitRow& row : rows)
    if (row.tokens == *row.unique_tokens) row.unique_tokens = 3 * row.tokens;
  FitRow other = rows.front();
  other.unique_tokens.reset();
  other.loss = 100;
  rows.push_back(other);
  const RepetitionFit fit = fit_repetition(rows, base, 1e-3);
  CHECK(fit.rows == 40);
  CHECK(fit.law.data_half_life == Approx(15).epsilon(1e-4));
}

TEST_CASE("rows that say nothing of repetition are refused") {
  const std::vector<FitRow> rows = repeated_rows(half_lives, 0, 1);
  CHECK(repetition_refusal({rows.begin(), rows.begin() + 3}) == "3 rows name their unique tokens, 4 are needed");
  CHECK_THAT(repetition_refusal({rows.begin(), rows.begin() + 4}), Contains("no row repeats its data"));
  std::vector<FitRow> small;
  for (std::size_t i = 0; i < rows.size(); i += 4) small.push_back(rows[i]);
  CHECK_THAT(repetition_refusal(small), Contains("no row has more parameters than its unique tokens are optimal for"));
  CHECK_THAT(repetition_refusal(repeated_rows({1e7, 5}, 0, 1)), Contains("the rows do not bound R_D*"));
  CHECK_THAT(repetition_refusal(repeated_rows({15, 1e7}, 0, 1)), Contains("the rows do not bound R_N*"));
}
