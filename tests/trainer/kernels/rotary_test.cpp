// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/rotary.hpp"

#include <ATen/ops/arange.h>

#include <cmath>

#include "configs/error.hpp"
#include "tests/trainer/kernels/kernel_inputs.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("rotary turns feature i with feature i + Q/2 by position x theta^(-2i/Q), on slices of packed rows") {
  const RotaryTable table(50, 8, 100.0, at::kDouble);
  const at::Tensor packed = normals({2, 5, 6, 8}, 1), before = packed.clone();
  const at::Tensor positions = at::arange(7, 17, at::kLong).view({2, 5});
  rotary_apply(packed.narrow(2, 1, 3), positions, table, Rotation::forward);
  double worst = 0.0;
  for (std::int64_t b = 0; b < 2; ++b)
    for (std::int64_t t = 0; t < 5; ++t)
      for (std::int64_t h = 0; h < 6; ++h)
        for (std::int64_t i = 0; i < 4; ++i) {
          const double angle = h >= 1 && h < 4 ? static_cast<double>(7 + b * 5 + t) * std::pow(100.0, -static_cast<double>(i) / 4.0) : 0.0;
          const std::int64_t low = ((b * 5 + t) * 6 + h) * 8 + i, high = low + 4;
          const double *x = before.data_ptr<double>(), *y = packed.data_ptr<double>();
          worst = std::max(worst, std::abs(y[low] - (x[low] * std::cos(angle) - x[high] * std::sin(angle))));
          worst = std::max(worst, std::abs(y[high] - (x[high] * std::cos(angle) + x[low] * std::sin(angle))));
        }
  CHECK(worst <= 1e-14);
  rotary_apply(packed.narrow(2, 1, 3), positions, table, Rotation::inverse);
  CHECK(max_abs(packed, before) <= 1e-14);
}

TEST_CASE("an odd head width and a position outside the table are refused") {
  CHECK_THROWS_WITH(RotaryTable(8, 7, 1e4, at::kFloat), Catch::Matchers::Contains("model.head_width"));
  const RotaryTable table(4, 8, 1e4, at::kFloat);
  CHECK_THROWS_AS(rotary_apply(normals({1, 1, 1, 8}, 1, at::kFloat), at::full({1, 1}, 4, at::kLong), table, Rotation::forward), Bug);
}
