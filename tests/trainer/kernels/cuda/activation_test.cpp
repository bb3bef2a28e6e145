// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/activation.hpp"

#include "tests/trainer/kernels/cuda/emulated.hpp"

using namespace ergon;
using namespace ergon::emulated;

TEST_CASE("emulated gelu and swiglu equal the host, with and without a bias, also with no rows") {
  for (const std::int64_t rows : {0, 1, 37})
    for (const bool has_bias : {false, true}) {
      const std::int64_t width = 23;
      CAPTURE(rows, has_bias);
      compare([&](const Side& s) {
        const at::Tensor x = s.input({rows, width}, 1, 3.0), dy = s.input({rows, width}, 2),
                         bias = has_bias ? s.input({width}, 3) : at::Tensor();
        const at::Tensor packed = s.input({rows, 2 * width}, 4), wide_bias = has_bias ? s.input({2 * width}, 5) : at::Tensor();
        const at::Tensor y = s.result({rows, width}), dx = s.result({rows, width}), z = s.result({rows, width}),
                         dpacked = s.result({rows, 2 * width});
        if (s.device) {
          s.device->gelu_forward(y, x, bias);
          s.device->gelu_backward(dx, dy, x, bias);
          s.device->swiglu_forward(z, packed, wide_bias);
          s.device->swiglu_backward(dpacked, dy, packed, wide_bias);
        } else {
          gelu_forward(y, x, bias);
          gelu_backward(dx, dy, x, bias);
          swiglu_forward(z, packed, wide_bias);
          swiglu_backward(dpacked, dy, packed, wide_bias);
        }
        return std::vector<at::Tensor>{y, dx, z, dpacked};
      });
    }
}

TEST_CASE("emulated activations work in place") {
  compare([&](const Side& s) {
    const at::Tensor x = s.input({9, 5}, 1), d = s.input({9, 5}, 2), dy = s.input({9, 5}, 4), packed = s.input({9, 10}, 3), none;
    if (s.device) {
      s.device->gelu_backward(d, d, x, none);
      s.device->gelu_forward(x, x, none);
      s.device->swiglu_backward(packed, dy, packed, none);
    } else {
      gelu_backward(d, d, x, none);
      gelu_forward(x, x, none);
      swiglu_backward(packed, dy, packed, none);
    }
    return std::vector<at::Tensor>{x, d, packed};
  });
}

TEST_CASE("emulated column sums equal the host over several blocks of columns and of rows") {
  for (const auto& [rows, columns] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {5, 70}, {1100, 33}, {0, 4}})
    for (const Write write : {Write::overwrite, Write::accumulate}) {
      CAPTURE(rows, columns);
      compare([&](const Side& s) {
        const at::Tensor dy = s.input({rows, columns}, 1),
                         sum = write == Write::accumulate ? s.input_a({columns}, 2) : s.result_a({columns});
        if (s.device)
          s.device->column_sum(sum, dy, write);
        else
          column_sum(sum, dy, write);
        return std::vector<at::Tensor>{sum / (rows + 1.0)};
      });
    }
}
