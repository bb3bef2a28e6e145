// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/pointwise.hpp"

#include <ATen/Parallel.h>

#include <cmath>

#include "tests/trainer/kernels/kernel_inputs.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("pointwise helpers do what their names say") {
  const at::Tensor a = normals({9, 2000}, 1), b = normals({9, 2000}, 2), bias = normals({2000}, 3), y = garbage({9, 2000});
  ergon::add(y, a, b);
  CHECK(max_abs(y, a + b) == 0.0);
  add_bias(y, bias);
  CHECK(max_abs(y, a + b + bias) == 0.0);
  scale(y, 0.25);
  CHECK(max_abs(y, (a + b + bias) * 0.25) == 0.0);
  ergon::copy(y, normals({2000, 9}, 4).t());
  CHECK(max_abs(y, normals({2000, 9}, 4).t()) == 0.0);
  ergon::zero(y);
  CHECK(y.abs().max().item<double>() == 0.0);
}

TEST_CASE("squared sums are exact enough and do not depend on threads") {
  const int threads = at::get_num_threads();
  const at::Tensor x = normals({300001}, 5, at::kFloat);
  at::set_num_threads(1);
  const double one = squared_sum(x);
  at::set_num_threads(2);
  CHECK(squared_sum(x) == one);
  at::set_num_threads(threads);
  CHECK(one == Approx((x.to(at::kDouble) * x.to(at::kDouble)).sum().item<double>()).epsilon(1e-13));
  CHECK(squared_sum(at::empty({0}, at::kFloat)) == 0.0);
}

TEST_CASE("one element that is not finite is found wherever it is") {
  const at::Tensor x = normals({200000}, 6, at::kFloat);
  CHECK(all_finite(x));
  for (const std::int64_t at : {std::int64_t{0}, std::int64_t{70000}, std::int64_t{199999}})
    for (const float bad : {INFINITY, -INFINITY, NAN}) {
      const float before = x.data_ptr<float>()[at];
      x.data_ptr<float>()[at] = bad;
      CHECK_FALSE(all_finite(x));
      x.data_ptr<float>()[at] = before;
    }
  CHECK(all_finite(at::full({10}, 3e38, at::kFloat)));
}
