// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/exponential.hpp"

#include <limits>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the vector exponential is within 3e-7 of exp, and keeps its limits") {
  double worst = 0.0;
  for (double x = -87.2; x < 88.3; x += 0.00137) {
    const double exact = std::exp(static_cast<double>(static_cast<float>(x)));
    worst = std::max(worst, std::abs(static_cast<double>(vector_exp(static_cast<float>(x))) - exact) / exact);
  }
  CHECK(worst < 3e-7);
  constexpr float infinity = std::numeric_limits<float>::infinity();
  CHECK(vector_exp(0.0f) == 1.0f);
  CHECK(vector_exp(-infinity) == 0.0f);
  CHECK(vector_exp(-1e30f) == 0.0f);
  CHECK(vector_exp(infinity) == infinity);
  CHECK(vector_exp(1e30f) == infinity);
  CHECK(std::isnan(vector_exp(std::numeric_limits<float>::quiet_NaN())));
  CHECK(logistic(-200.0f) == 0.0f);
  CHECK(logistic(200.0f) == 1.0f);
  CHECK(logistic(0.0) == 0.5);
}
