// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/activation.hpp"

#include "trainer/kernels/columns.hpp"
#include "trainer/kernels/device.hpp"
#include "trainer/kernels/exponential.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {
namespace {

// gelu(z) = z s with s = logistic(2u), u = sqrt(2/pi) (z + 0.044715 z^3): equal to the tanh form, without its cancellation for negative z.
template <class T>
constexpr T two_root = T(1.5957691216057308L);  // 2 sqrt(2/pi)
template <class T>
constexpr T cubic = T(0.044715L);

template <class T>
inline T gelu(T z) {
  return z * logistic(two_root<T> * (z + cubic<T> * z * z * z));
}
template <class T>
inline T gelu_slope(T z) {
  const T s = logistic(two_root<T> * (z + cubic<T> * z * z * z));
  return s + z * s * (T(1) - s) * two_root<T> * (T(1) + T(3) * cubic<T> * z * z);
}

// Runs row(r) over all rows.
template <class Row>
void over_rows(std::int64_t rows, std::int64_t width, const Row& row) {
  for_rows(rows, width * 8, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) row(r);
  });
}

// With a bias and without are two loops, so that each vectorises.
template <class C>
void gelu_forward_row(C* y, const C* x, const C* b, std::int64_t n) {
  if (b) {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) y[f] = rounded<C>(gelu(widen(x[f]) + widen(b[f])));
  } else {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) y[f] = rounded<C>(gelu(widen(x[f])));
  }
}

template <class C>
void gelu_backward_row(C* dx, const C* dy, const C* x, const C* b, std::int64_t n) {
  if (b) {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) dx[f] = rounded<C>(widen(dy[f]) * gelu_slope(widen(x[f]) + widen(b[f])));
  } else {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) dx[f] = rounded<C>(widen(dy[f]) * gelu_slope(widen(x[f])));
  }
}

template <class C>
void swiglu_forward_row(C* y, const C* gate, const C* up, const C* b, std::int64_t n) {
  using A = Accumulator<C>;
  if (b) {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) {
      const A g = widen(gate[f]) + widen(b[f]);
      y[f] = rounded<C>(g * logistic(g) * (widen(up[f]) + widen(b[n + f])));
    }
  } else {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) y[f] = rounded<C>(widen(gate[f]) * logistic(widen(gate[f])) * widen(up[f]));
  }
}

template <class C>
void swiglu_backward_row(C* dgate, C* dup, const C* dy, const C* gate, const C* up, const C* b, std::int64_t n) {
  using A = Accumulator<C>;
  if (b) {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) {
      const A g = widen(gate[f]) + widen(b[f]), u = widen(up[f]) + widen(b[n + f]), d = widen(dy[f]), s = logistic(g);
      dgate[f] = rounded<C>(d * u * s * (A(1) + g * (A(1) - s)));
      dup[f] = rounded<C>(d * g * s);
    }
  } else {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) {
      const A g = widen(gate[f]), u = widen(up[f]), d = widen(dy[f]), s = logistic(g);
      dgate[f] = rounded<C>(d * u * s * (A(1) + g * (A(1) - s)));
      dup[f] = rounded<C>(d * g * s);
    }
  }
}

template <class T>
const T* optional(const at::Tensor& bias, std::int64_t elements) {
  return bias.defined() ? data<T>(bias, elements) : nullptr;
}

}  // namespace

void gelu_forward(const at::Tensor& y_RF, const at::Tensor& x_RF, const at::Tensor& bias_F) {
  if (const DeviceKernels* device = device_kernels(x_RF)) return device->gelu_forward(y_RF, x_RF, bias_F);
  const std::int64_t width = x_RF.size(-1), elements = x_RF.numel();
  if (elements == 0) return;
  dispatch_compute(x_RF, [&](auto zero) {
    using C = decltype(zero);
    C* y = data<C>(y_RF, elements);
    const C *x = data<C>(x_RF, elements), *b = optional<C>(bias_F, width);
    over_rows(elements / width, width, [=](std::int64_t r) { gelu_forward_row(y + r * width, x + r * width, b, width); });
  });
}

void gelu_backward(const at::Tensor& dx_RF, const at::Tensor& dy_RF, const at::Tensor& x_RF, const at::Tensor& bias_F) {
  if (const DeviceKernels* device = device_kernels(x_RF)) return device->gelu_backward(dx_RF, dy_RF, x_RF, bias_F);
  const std::int64_t width = x_RF.size(-1), elements = x_RF.numel();
  if (elements == 0) return;
  dispatch_compute(x_RF, [&](auto zero) {
    using C = decltype(zero);
    C* dx = data<C>(dx_RF, elements);
    const C *dy = data<C>(dy_RF, elements), *x = data<C>(x_RF, elements), *b = optional<C>(bias_F, width);
    over_rows(elements / width, width, [=](std::int64_t r) { gelu_backward_row(dx + r * width, dy + r * width, x + r * width, b, width); });
  });
}

void swiglu_forward(const at::Tensor& y_RF, const at::Tensor& packed, const at::Tensor& bias) {
  if (const DeviceKernels* device = device_kernels(packed)) return device->swiglu_forward(y_RF, packed, bias);
  const std::int64_t width = y_RF.size(-1), elements = y_RF.numel();
  if (elements == 0) return;
  dispatch_compute(packed, [&](auto zero) {
    using C = decltype(zero);
    C* y = data<C>(y_RF, elements);
    const C *x = data<C>(packed, 2 * elements), *b = optional<C>(bias, 2 * width);
    over_rows(elements / width, width, [=](std::int64_t r) {
      const C* row = x + 2 * r * width;
      swiglu_forward_row(y + r * width, row, row + width, b, width);
    });
  });
}

void swiglu_backward(const at::Tensor& dpacked, const at::Tensor& dy_RF, const at::Tensor& packed, const at::Tensor& bias) {
  if (const DeviceKernels* device = device_kernels(packed)) return device->swiglu_backward(dpacked, dy_RF, packed, bias);
  const std::int64_t width = dy_RF.size(-1), elements = dy_RF.numel();
  if (elements == 0) return;
  dispatch_compute(packed, [&](auto zero) {
    using C = decltype(zero);
    C* dx = data<C>(dpacked, 2 * elements);
    const C *dy = data<C>(dy_RF, elements), *x = data<C>(packed, 2 * elements), *b = optional<C>(bias, 2 * width);
    over_rows(elements / width, width, [=](std::int64_t r) {
      const std::int64_t row = 2 * r * width;
      swiglu_backward_row(dx + row, dx + row + width, dy + r * width, x + row, x + row + width, b, width);
    });
  });
}

void column_sum(const at::Tensor& dbias_N, const at::Tensor& dy_RN, Write write) {
  if (const DeviceKernels* device = device_kernels(dy_RN)) return device->column_sum(dbias_N, dy_RN, write);
  const std::int64_t columns = dbias_N.numel();
  if (columns == 0) return;
  dispatch_compute(dy_RN, [&](auto zero) {
    using C = decltype(zero);
    using A = Accumulator<C>;
    const C* dy = data<C>(dy_RN, dy_RN.numel());
    ERGON_CHECK(dy_RN.numel() % columns == 0, "column sums of {} into {}", c10::str(dy_RN.sizes()), columns);
    sum_columns<A>(data<A>(dbias_N, columns), dy_RN.numel() / columns, columns, write,
                   [=](A* sums, std::int64_t r, std::int64_t first, std::int64_t count) {
                     const C* row = dy + r * columns + first;
#pragma omp simd
                     for (std::int64_t n = 0; n < count; ++n) sums[n] += widen(row[n]);
                   });
  });
}

}  // namespace ergon
