// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/norm.hpp"

#include "tests/trainer/kernels/cuda/emulated.hpp"

using namespace ergon;
using namespace ergon::emulated;

TEST_CASE("emulated layernorm and rmsnorm equal the host, forward and both halves of backward") {
  for (const auto& [rows, width] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {7, 33}, {70, 64}, {0, 8}})
    for (const Write write : {Write::overwrite, Write::accumulate}) {
      CAPTURE(rows, width);
      compare([&, rows = rows, width = width](const Side& s) {
        const at::Tensor x = s.input({rows, width}, 1, 1.0, 0.5), w = s.input({width}, 2), b = s.input({width}, 3),
                         dy = s.input({rows, width}, 4), none;
        const at::Tensor mean_in = s.input_a({rows}, 5), rstd_in = s.input_a({rows}, 6).abs();
        const bool adds = write == Write::accumulate;
        const at::Tensor y = s.result({rows, width}), mean = s.result_a({rows}), rstd = s.result_a({rows}), z = s.result({rows, width}),
                         r = s.result_a({rows});
        const at::Tensor dx = adds ? s.input({rows, width}, 7) : s.result({rows, width}), dz = dx.clone();
        const at::Tensor dw = adds ? s.input_a({width}, 8) : s.result_a({width}), db = dw.clone(), dv = dw.clone();
        if (s.device) {
          s.device->norm_forward(y, mean, rstd, x, w, b, 1e-5);
          s.device->norm_forward(z, none, r, x, w, none, 1e-5);
          s.device->norm_backward_input(dx, dy, x, mean_in, rstd_in, w, write);
          s.device->norm_backward_input(dz, dy, x, none, rstd_in, w, write);
          s.device->norm_backward_weight(dw, db, dy, x, mean_in, rstd_in, write);
          s.device->norm_backward_weight(dv, none, dy, x, none, rstd_in, write);
        } else {
          layernorm_forward(y, mean, rstd, x, w, b, 1e-5);
          rmsnorm_forward(z, r, x, w, 1e-5);
          layernorm_backward_input(dx, dy, x, mean_in, rstd_in, w, write);
          rmsnorm_backward_input(dz, dy, x, rstd_in, w, write);
          layernorm_backward_weight(dw, db, dy, x, mean_in, rstd_in, write);
          rmsnorm_backward_weight(dv, dy, x, rstd_in, write);
        }
        if (width == 1) return std::vector<at::Tensor>{mean, r, dw, db, dv};  // the variance of one value is zero: rstd is 316
        return std::vector<at::Tensor>{y, mean, rstd, z, r, dx, dz, dw, db, dv};
      });
    }
}

TEST_CASE("emulated norm works in place and without a bias") {
  compare([&](const Side& s) {
    const at::Tensor x = s.input({6, 40}, 1), w = s.input({40}, 2), mean = s.result_a({6}), rstd = s.result_a({6}), none;
    if (s.device)
      s.device->norm_forward(x, mean, rstd, x, w, none, 1e-5);
    else
      layernorm_forward(x, mean, rstd, x, w, none, 1e-5);
    return std::vector<at::Tensor>{x, mean, rstd};
  });
}
