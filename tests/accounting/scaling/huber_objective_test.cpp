// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/huber_objective.hpp"

#include <cmath>

#include "configs/error.hpp"
#include "tests/accounting/scaling/synthetic.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using ergon::test::relative;

namespace {

const ParametricLaw near_law = {1.8, 480, 2000, 0.35, 0.36};

}  // namespace

TEST_CASE("the row of the header, by hand") {
  CHECK(huber(0.0005, 1e-3) == Approx(1.25e-7));
  CHECK(huber(-0.008299, 1e-3) == Approx(7.799e-6));
  const FitRow row = test::point(1, 100, 1000, 6e5, 12.1);
  CHECK(log_residual({1, 100, 1000, 0.5, 1}, row) == Approx(std::log(12 / 12.1)));
  CHECK(huber_sum({1, 100, 1000, 0.5, 1}, {row, row}, 1e-3) == Approx(2 * 7.799e-6).epsilon(1e-4));
}

TEST_CASE("the optimiser's variables are another name of the law") {
  const LogRows rows(test::planted(near_law, 5, 5, 0, 1));
  const ParametricLaw back = rows.law(rows.variables(near_law));
  CHECK(relative(back.a, near_law.a) < 1e-12);
  CHECK(relative(back.b, near_law.b) < 1e-12);
  CHECK(relative(back.e, near_law.e) < 1e-12);
  CHECK(relative(back.alpha, near_law.alpha) < 1e-12);
  CHECK(relative(back.beta, near_law.beta) < 1e-12);
  CHECK(std::abs(rows.n.sum()) < 1e-9);
  CHECK(rows.d.square().mean() == Approx(1));
}

TEST_CASE("the fast sum equals the plain one, weights are repeated rows, and the gradient is that of differences") {
  const std::vector<FitRow> points = test::planted(near_law, 6, 7, 0.01, 3);
  const LogRows rows(points);
  const ParametricLaw other = {1.7, 300, 2500, 0.33, 0.37};
  for (const double delta : {1e-4, 1e-2, 1.0}) {
    const std::vector<double> x = rows.variables(other);
    HuberObjective objective(rows, delta);
    CHECK(relative(objective(x.data(), nullptr) * delta, huber_sum(other, points, delta)) < 1e-12);
    std::vector<double> weights(points.size(), 1);
    weights[3] = 0, weights[4] = 3;
    std::vector<FitRow> drawn = points;
    drawn[3] = points[4];
    drawn.push_back(points[4]);
    HuberObjective weighted(rows, delta, weights);
    CHECK(relative(weighted(x.data(), nullptr) * delta, huber_sum(other, drawn, delta)) < 1e-12);
    std::vector<double> gradient(5);
    weighted(x.data(), gradient.data());
    for (std::size_t i = 0; i < 5; ++i) {
      std::vector<double> up = x, down = x;
      up[i] += 1e-6, down[i] -= 1e-6;
      CHECK(gradient[i] == Approx((weighted(up.data(), nullptr) - weighted(down.data(), nullptr)) / 2e-6).epsilon(1e-3).margin(1e-4));
    }
  }
  CHECK_THROWS_AS(HuberObjective(rows, 1e-3, {1, 2}), Bug);
}
