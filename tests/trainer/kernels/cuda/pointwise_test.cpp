// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/pointwise.hpp"

#include "tests/trainer/kernels/cuda/emulated.hpp"

using namespace ergon;
using namespace ergon::emulated;

TEST_CASE("emulated pointwise kernels equal the host, several strides of the grid and none") {
  for (const std::int64_t n : {0, 1, 999}) {
    CAPTURE(n);
    compare([&](const Side& s) {
      const at::Tensor a = s.input({n}, 1), b = s.input({n}, 2), y = s.result({n}), rows = s.input({n, 3}, 3), bias = s.input({3}, 4),
                       scaled = s.input({n}, 5);
      if (s.device) {
        s.device->add(y, a, b);
        s.device->add_bias(rows, bias);
        s.device->scale(scaled, 0.3);
      } else {
        add(y, a, b);
        add_bias(rows, bias);
        scale(scaled, 0.3);
      }
      return std::vector<at::Tensor>{y, rows, scaled};
    });
  }
}

TEST_CASE("emulated squared sums have two levels and one order; not-finite values are found wherever they stand") {
  const DeviceKernels device(*ergon_cuda_kernels(), nullptr);
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16})
    for (const std::int64_t n : {0, 1, 65537}) {
      const at::Tensor x = normals({n}, 1, type);
      const double expected = squared_sum(x.to(at::kDouble)), got = device.squared_sum(x);
      CHECK(got == Approx(expected).epsilon(1e-13));
      const emulation::OrderScope order(emulation::Order::backwards);
      CHECK(device.squared_sum(x) == got);
      CHECK(device.all_finite(x));
      if (n == 0) continue;
      for (const double bad : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
        const at::Tensor spoiled = x.clone();
        spoiled[n - 1] = bad;
        CHECK_FALSE(device.all_finite(spoiled));
        CHECK_FALSE(std::isfinite(device.squared_sum(spoiled)));
      }
    }
}
