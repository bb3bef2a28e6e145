// SPDX-License-Identifier: Apache-2.0
#include "trainer/optimizer/adamw.hpp"

#include <cmath>

#include "tests/trainer/kernels/cuda/emulated.hpp"

using namespace ergon;
using namespace ergon::emulated;

TEST_CASE("emulated AdamW equals the host, and rounds the compute copy from the new master") {
  const AdamW s{1e-2, 0.9, 0.95, 1e-8, 0.1};
  const double step = 3, scale = 0.7;
  const ErgonAdamW folded{1 - s.lr * s.weight_decay,
                          s.beta1,
                          s.beta2,
                          1 - s.beta1,
                          1 - s.beta2,
                          scale,
                          s.lr / (1 - std::pow(s.beta1, step)),
                          1 / std::sqrt(1 - std::pow(s.beta2, step)),
                          s.epsilon};
  compare([&](const Side& side) {
    const at::Tensor p = side.input_a({777}, 1), g = side.input_a({777}, 2), m = side.input_a({777}, 3),
                     v = side.input_a({777}, 4).abs() + 0.01;
    const at::Tensor compute = side.result({777});
    if (side.device) {
      side.device->adamw(p, compute, g, m, v, folded);
    } else {
      adamw_update(p, g, m, v, s, scale, 3);
      compute.copy_(p);
    }
    return std::vector<at::Tensor>{p, m, v, compute};
  });
  const DeviceKernels device(*ergon_cuda_kernels(), nullptr);
  const at::Tensor p = normals({5}, 1), q = p.clone(), g = normals({5}, 2), m = normals({5}, 3), v = m.abs();
  adamw_update(q, g, m.clone(), v.clone(), s, scale, 3);
  device.adamw(p, at::Tensor(), g, m, v, folded);
  CHECK(excess(p, q) == 0.0);
}
