// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/rotary.hpp"

#include <ATen/ops/empty.h>

#include <cmath>

#include "trainer/kernels/device.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {

RotaryTable::RotaryTable(std::int64_t sequence, std::int64_t head_width, double theta, at::ScalarType dtype, at::Device device)
    : cos_(at::empty({sequence, head_width / 2}, dtype)), sin_(at::empty({sequence, head_width / 2}, dtype)) {
  if (head_width % 2 != 0)
    throw Error(fmt::format("rotary positions need an even head width, not {}", head_width), "model.head_width",
                "choose an even width, or model.positions = \"learned\"");
  const std::int64_t half = head_width / 2;
  dispatch(cos_, [&](auto zero) {
    using T = decltype(zero);
    T *cos = cos_.data_ptr<T>(), *sin = sin_.data_ptr<T>();
    for (std::int64_t i = 0; i < half; ++i) {
      const double frequency = std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_width));
      for (std::int64_t t = 0; t < sequence; ++t) {
        cos[t * half + i] = static_cast<T>(std::cos(static_cast<double>(t) * frequency));
        sin[t * half + i] = static_cast<T>(std::sin(static_cast<double>(t) * frequency));
      }
    }
  });
  cos_ = cos_.to(device);
  sin_ = sin_.to(device);
}

void rotary_apply(const at::Tensor& x_BTHQ, const at::Tensor& positions_BT, const RotaryTable& table, Rotation rotation) {
  if (const DeviceKernels* device = device_kernels(x_BTHQ))
    return device->rotary(x_BTHQ, positions_BT, table.cos_TC(), table.sin_TC(), rotation == Rotation::forward ? 1 : -1);
  ERGON_CHECK(x_BTHQ.dim() == 4 && x_BTHQ.stride(3) == 1 && x_BTHQ.size(3) == 2 * table.cos_TC().size(1), "rotary on {} with a table of {}",
              c10::str(x_BTHQ.sizes()), c10::str(table.cos_TC().sizes()));
  const std::int64_t batch = x_BTHQ.size(0), length = x_BTHQ.size(1), heads = x_BTHQ.size(2), half = x_BTHQ.size(3) / 2;
  const std::int64_t stride_b = x_BTHQ.stride(0), stride_t = x_BTHQ.stride(1), stride_h = x_BTHQ.stride(2), limit = table.cos_TC().size(0);
  const std::int64_t* positions = data<std::int64_t>(positions_BT, batch * length);
  for (std::int64_t i = 0; i < batch * length; ++i)
    ERGON_CHECK(positions[i] >= 0 && positions[i] < limit, "position {} outside the rotary table of {}", positions[i], limit);
  dispatch_compute(x_BTHQ, [&](auto zero) {
    using C = decltype(zero);
    using A = Accumulator<C>;
    C* x = x_BTHQ.data_ptr<C>();
    const A *cos = table.cos_TC().data_ptr<A>(), *sin = table.sin_TC().data_ptr<A>();
    const A direction = rotation == Rotation::forward ? A(1) : A(-1);
    for_rows(batch * length, heads * half * 2, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const A *c = cos + positions[r] * half, *s = sin + positions[r] * half;
        for (std::int64_t h = 0; h < heads; ++h) {
          C *low = x + r / length * stride_b + r % length * stride_t + h * stride_h, *high = low + half;
#pragma omp simd
          for (std::int64_t i = 0; i < half; ++i) {
            const A a = widen(low[i]), b = widen(high[i]), turn = direction * s[i];
            low[i] = rounded<C>(a * c[i] - b * turn);
            high[i] = rounded<C>(b * c[i] + a * turn);
          }
        }
      }
    });
  });
}

}  // namespace ergon
