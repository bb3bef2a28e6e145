// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/rotary.hpp"

#include <ATen/ops/zeros.h>

#include "tests/trainer/kernels/cuda/emulated.hpp"

using namespace ergon;
using namespace ergon::emulated;

namespace {

at::Tensor positions(std::int64_t batch, std::int64_t length) {
  at::Tensor x = at::zeros({batch, length}, at::kLong);
  for (std::int64_t i = 0; i < batch * length; ++i) x.data_ptr<std::int64_t>()[i] = i * 11 % 40;
  return x;
}

}  // namespace

TEST_CASE("emulated rotary equals the host on slices of packed rows, forward and inverse") {
  for (const Rotation rotation : {Rotation::forward, Rotation::inverse})
    compare([&](const Side& s) {
      const at::Tensor packed = s.input({2, 9, 7, 6}, 1), x = packed.narrow(2, 1, 3), where = positions(2, 9);
      const RotaryTable table(40, 6, 1e4, s.a());
      if (s.device)
        s.device->rotary(x, where, table.cos_TC(), table.sin_TC(), rotation == Rotation::forward ? 1 : -1);
      else
        rotary_apply(x, where, RotaryTable(40, 6, 1e4, at::kDouble), rotation);
      return std::vector<at::Tensor>{packed};
    });
}

TEST_CASE("emulated rotary takes tables of the compute type, none of another, and marks a position outside") {
  const DeviceKernels device(*ergon_cuda_kernels(), nullptr);
  const RotaryTable table(40, 4, 1e4, at::kFloat);
  const at::Tensor cos = table.cos_TC().to(at::kBFloat16), sin = table.sin_TC().to(at::kBFloat16),
                   x = normals({1, 9, 2, 4}, 1, at::kBFloat16);
  device.rotary(x, positions(1, 9), cos, sin, 1);
  CHECK_FALSE(x.isnan().any().item<bool>());
  CHECK_THROWS_WITH(device.rotary(normals({1, 9, 2, 4}, 1), positions(1, 9), cos, sin, 1), Catch::Contains("does not take that type"));
  const at::Tensor y = normals({1, 9, 2, 4}, 1, at::kFloat);
  device.rotary(y, positions(1, 9), table.cos_TC().narrow(0, 0, 11), table.sin_TC().narrow(0, 0, 11), 1);
  CHECK_FALSE(y[0][0].isnan().any().item<bool>());
  CHECK(y[0][1].isnan().all().item<bool>());
}
