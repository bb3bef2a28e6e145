// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/bootstrap.hpp"

#include <cmath>
#include <numeric>

#include "accounting/scaling/quantile.hpp"
#include "configs/error.hpp"
#include "tests/accounting/scaling/synthetic.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

const ParametricLaw law = {1.7, 400, 1500, 0.34, 0.36};

ParametricFit fitted(const std::vector<FitRow>& rows, std::int64_t stride = 50) { return fit_parametric(rows, {1e-3, stride, 0, {}}); }

// The optimum beside the law that was planted, by one search; `checked`: against the whole fit, whose other optimiser takes twenty times as
// long.
ParametricFit fitted_near(const ParametricLaw& planted, const std::vector<FitRow>& rows, bool checked) {
  const LogRows log_rows(rows);
  const Refit near = refit(log_rows, 1e-3, {}, log_rows.variables(planted));
  CHECK(near.converged);
  ParametricFit fit;
  fit.law = near.law;
  fit.objective = near.objective;
  fit.huber_delta = 1e-3;
  fit.other_start = log_rows.variables({2, 100, 100, 0.5, 0.5});
  if (checked) CHECK(near.objective == Approx(fitted(rows, 450).objective).epsilon(1e-6));
  return fit;
}

}  // namespace

TEST_CASE("a draw is as many rows as there are, set by seed and index") {
  const std::vector<double> weights = bootstrap_weights(1, 7, 100);
  CHECK(std::accumulate(weights.begin(), weights.end(), 0.0) == 100);
  CHECK(weights == bootstrap_weights(1, 7, 100));
  CHECK(weights != bootstrap_weights(1, 8, 100));
  CHECK(weights != bootstrap_weights(2, 7, 100));
  std::vector<double> sums(10, 0);
  for (std::int64_t i = 0; i < 4000; ++i) {
    const std::vector<double> draw = bootstrap_weights(5, i, 10);
    for (std::size_t j = 0; j < 10; ++j) sums[j] += draw[j];
  }
  for (const double sum : sums) CHECK(std::abs(sum / 4000 - 1) < 5 / std::sqrt(4000.0));  // of one standard deviation, nearly
}

TEST_CASE("samples do not depend on the threads, and each is the optimum of its draw") {
  const std::vector<FitRow> rows = test::planted(law, 5, 6, 0.01, 4);
  const ParametricFit fit = fitted(rows);
  const FitBootstrap one = bootstrap_parametric(rows, fit, {20, 0.8, 3, 1, {}});
  CHECK(one.samples == bootstrap_parametric(rows, fit, {20, 0.8, 3, 4, {}}).samples);
  CHECK(one.samples != bootstrap_parametric(rows, fit, {20, 0.8, 4, 1, {}}).samples);
  CHECK(one.failed == 0);
  REQUIRE(one.samples.size() == 20);
  for (std::int64_t i = 0; i < 3; ++i) {
    const std::vector<double> weights = bootstrap_weights(3, i, rows.size());
    std::vector<FitRow> drawn;
    for (std::size_t j = 0; j < rows.size(); ++j) drawn.insert(drawn.end(), static_cast<std::size_t>(weights[j]), rows[j]);
    const ParametricFit own = fitted(drawn, 20);
    CHECK(huber_sum(one.samples[static_cast<std::size_t>(i)], drawn, 1e-3) == Approx(own.objective).epsilon(1e-6));
  }
}

TEST_CASE("a draw that determines no law is counted, not kept") {
  // Six points, of which a draw often holds too few.
  std::vector<FitRow> rows = test::planted(law, 2, 3, 0.02, 4);
  const FitBootstrap bootstrap = bootstrap_parametric(rows, fitted(test::planted(law, 5, 6, 0.0, 4)), {200, 0.8, 1, 0, {}});
  CHECK(bootstrap.asked == 200);
  CHECK(bootstrap.failed > 0);
  CHECK(bootstrap.failed + static_cast<std::int64_t>(bootstrap.samples.size()) == 200);
}

TEST_CASE("half of the re-fits failing, or one sample, gives no interval") {
  const std::vector<ParametricLaw> samples(4, law);
  CHECK(gives_intervals({samples, 7, 3, 0.8, 1}));
  CHECK_FALSE(gives_intervals({samples, 8, 4, 0.8, 1}));
  CHECK_FALSE(gives_intervals({{law}, 1, 0, 0.8, 1}));
  CHECK_FALSE(gives_intervals({{}, 0, 0, 0.8, 1}));
}

TEST_CASE("standard deviations that can be added up by hand") {
  const LawSpread spread = spread_of({{1, 10, 1, 0.3, 0.5}, {2, 10, std::exp(2), 0.5, 0.5}, {3, 10, std::exp(4), 0.4, 0.5}});
  CHECK(spread.sd.e == Approx(1));
  CHECK(spread.sd.a == 0);
  CHECK(spread.sd.alpha == Approx(0.1));
  CHECK(spread.sd.beta == Approx(0).margin(1e-15));
  CHECK(spread.log_b == Approx(2));
  CHECK(spread.log_a == Approx(0).margin(1e-15));
  CHECK_THROWS_AS(spread_of({{1, 1, 1, 1, 1}}), Bug);
}

TEST_CASE("over 200 synthetic data sets the interval of a at level 0.8 covers the planted exponent about as often") {
  const double planted = exponents(law).a;
  int covered = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const std::vector<FitRow> rows = test::planted(law, 6, 8, 0.005, seed);
    const FitBootstrap bootstrap = bootstrap_parametric(rows, fitted_near(law, rows, seed % 40 == 0), {60, 0.8, seed, 0, {}});
    std::vector<double> a;
    for (const ParametricLaw& sample : bootstrap.samples) a.push_back(exponents(sample).a);
    const Bounds interval = middle_interval(a, 0.8);
    covered += interval.low <= planted && planted <= interval.high;
  }
  // Of 200 at 0.8 one standard deviation is 5.7; a bootstrap of few rows is a little narrow.
  INFO(covered << " of 200");
  CHECK(covered >= 140);
  CHECK(covered <= 185);
}
