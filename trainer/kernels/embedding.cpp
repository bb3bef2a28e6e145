// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/embedding.hpp"

#include "trainer/kernels/device.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {
namespace {

// Adds row n of dy to row indices[n] - first of the table, for those in [0, real). Threads share the columns, so each row has its terms in
// the order of n.
void scatter_rows(const at::Tensor& dtable, const at::Tensor& dy_ND, const at::Tensor& indices_N, std::int64_t first, std::int64_t real,
                  Write write) {
  const std::int64_t width = dtable.size(-1), rows = dtable.size(0), count = indices_N.numel();
  ERGON_CHECK(real <= rows, "{} real rows in a table of {}", real, rows);
  const std::int64_t* indices = data<std::int64_t>(indices_N, count);
  dispatch_compute(dy_ND, [&](auto zero) {
    using C = decltype(zero);
    using A = Accumulator<C>;
    A* table = data<A>(dtable, rows * width);
    const C* dy = data<C>(dy_ND, count * width);
    constexpr std::int64_t columns = 16;  // a cache line of floats: threads never share one
    for_rows((width + columns - 1) / columns, count * columns, [=](std::int64_t begin, std::int64_t end) {
      const std::int64_t from = begin * columns, to = std::min(width, end * columns);
      if (write == Write::overwrite)
        for (std::int64_t r = 0; r < rows; ++r) std::fill(table + r * width + from, table + r * width + to, A(0));
      for (std::int64_t n = 0; n < count; ++n) {
        const std::int64_t row = indices[n] - first;
        if (row < 0 || row >= real) continue;
        A* target = table + row * width;
        const C* source = dy + n * width;
#pragma omp simd
        for (std::int64_t d = from; d < to; ++d) target[d] += widen(source[d]);
      }
    });
  });
}

}  // namespace

void embedding_forward(const at::Tensor& y_ND, const at::Tensor& tokens_N, const at::Tensor& table_VD, std::int64_t first,
                       std::int64_t real) {
  if (const DeviceKernels* device = device_kernels(table_VD)) return device->embedding_forward(y_ND, tokens_N, table_VD, first, real);
  const std::int64_t width = table_VD.size(1), count = tokens_N.numel();
  ERGON_CHECK(real <= table_VD.size(0), "{} real rows in a table of {}", real, table_VD.size(0));
  const std::int64_t* tokens = data<std::int64_t>(tokens_N, count);
  dispatch_compute(table_VD, [&](auto zero) {
    using C = decltype(zero);
    C* y = data<C>(y_ND, count * width);
    const C* table = data<C>(table_VD, table_VD.numel());
    for_rows(count, width, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        const std::int64_t row = tokens[n] - first;
        if (row >= 0 && row < real)
          std::copy_n(table + row * width, width, y + n * width);
        else
          std::fill_n(y + n * width, width, zero);
      }
    });
  });
}

void embedding_backward(const at::Tensor& dtable_VD, const at::Tensor& dy_ND, const at::Tensor& tokens_N, std::int64_t first,
                        std::int64_t real, Write write) {
  if (const DeviceKernels* device = device_kernels(dy_ND))
    return device->embedding_backward(dtable_VD, dy_ND, tokens_N, first, real, write);
  scatter_rows(dtable_VD, dy_ND, tokens_N, first, real, write);
}

void positions_add(const at::Tensor& y_ND, const at::Tensor& positions_N, const at::Tensor& table_TD) {
  if (const DeviceKernels* device = device_kernels(table_TD)) return device->positions_add(y_ND, positions_N, table_TD);
  const std::int64_t width = table_TD.size(1), count = positions_N.numel(), limit = table_TD.size(0);
  const std::int64_t* positions = data<std::int64_t>(positions_N, count);
  for (std::int64_t n = 0; n < count; ++n)
    ERGON_CHECK(positions[n] >= 0 && positions[n] < limit, "position {} outside the table of {}", positions[n], limit);
  dispatch_compute(table_TD, [&](auto zero) {
    using C = decltype(zero);
    C* y = data<C>(y_ND, count * width);
    const C* table = data<C>(table_TD, limit * width);
    for_rows(count, width, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        C* target = y + n * width;
        const C* source = table + positions[n] * width;
#pragma omp simd
        for (std::int64_t d = 0; d < width; ++d) target[d] = rounded<C>(widen(target[d]) + widen(source[d]));
      }
    });
  });
}

void positions_backward(const at::Tensor& dtable_TD, const at::Tensor& dy_ND, const at::Tensor& positions_N, Write write) {
  if (const DeviceKernels* device = device_kernels(dy_ND))
    return device->embedding_backward(dtable_TD, dy_ND, positions_N, 0, dtable_TD.size(0), write);
  scatter_rows(dtable_TD, dy_ND, positions_N, 0, dtable_TD.size(0), write);
}

}  // namespace ergon
