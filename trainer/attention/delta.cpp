// SPDX-License-Identifier: Apache-2.0
#include "trainer/attention/delta.hpp"

#include "configs/error.hpp"
#include "trainer/kernels/device.hpp"
#include "trainer/kernels/lane_sum.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {

void attention_delta(const at::Tensor& delta_BHT, const at::Tensor& dout_BTHQ, const at::Tensor& out_BTHQ) {
  if (const DeviceKernels* device = device_kernels(out_BTHQ)) return device->attention_delta(delta_BHT, dout_BTHQ, out_BTHQ);
  const std::int64_t b = out_BTHQ.size(0), t = out_BTHQ.size(1), h = out_BTHQ.size(2), q = out_BTHQ.size(3), rows = b * t * h;
  ERGON_CHECK(dout_BTHQ.sizes() == out_BTHQ.sizes() && delta_BHT.sizes() == at::IntArrayRef({b, h, t}), "delta of [{}, {}, {}, {}]", b, t,
              h, q);
  dispatch_compute(dout_BTHQ, [&](auto zero) {
    using C = decltype(zero);
    using A = Accumulator<C>;
    A* delta = data<A>(delta_BHT, rows);
    const C* dout = data<C>(dout_BTHQ, rows * q);
    const A* out = data<A>(out_BTHQ, rows * q);
    for_rows(rows, q, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const C* left = dout + r * q;
        const A* right = out + r * q;
        const double sum =
            lane_sum<double>(q, [=](std::int64_t i) { return static_cast<double>(widen(left[i])) * static_cast<double>(right[i]); });
        const std::int64_t sample = r / (t * h), row = r / h % t, head = r % h;
        delta[(sample * h + head) * t + row] = static_cast<A>(sum);
      }
    });
  });
}

}  // namespace ergon
