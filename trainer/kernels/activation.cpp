// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/activation.hpp"

#include "trainer/kernels/columns.hpp"
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

// body(row, bias or nullptr) with the two cases as two loops, so that each vectorises.
template <class T, class Row>
void over_rows(std::int64_t rows, std::int64_t width, const Row& row) {
  for_rows(rows, width * 8, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) row(r);
  });
}

template <class T>
void gelu_forward_row(T* y, const T* x, const T* b, std::int64_t n) {
  if (b) {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) y[f] = gelu(x[f] + b[f]);
  } else {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) y[f] = gelu(x[f]);
  }
}

template <class T>
void gelu_backward_row(T* dx, const T* dy, const T* x, const T* b, std::int64_t n) {
  if (b) {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) dx[f] = dy[f] * gelu_slope(x[f] + b[f]);
  } else {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) dx[f] = dy[f] * gelu_slope(x[f]);
  }
}

template <class T>
void swiglu_forward_row(T* y, const T* gate, const T* up, const T* b, std::int64_t n) {
  if (b) {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) {
      const T g = gate[f] + b[f];
      y[f] = g * logistic(g) * (up[f] + b[n + f]);
    }
  } else {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) y[f] = gate[f] * logistic(gate[f]) * up[f];
  }
}

template <class T>
void swiglu_backward_row(T* dgate, T* dup, const T* dy, const T* gate, const T* up, const T* b, std::int64_t n) {
  if (b) {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) {
      const T g = gate[f] + b[f], u = up[f] + b[n + f], s = logistic(g);
      dgate[f] = dy[f] * u * s * (T(1) + g * (T(1) - s));
      dup[f] = dy[f] * g * s;
    }
  } else {
#pragma omp simd
    for (std::int64_t f = 0; f < n; ++f) {
      const T g = gate[f], u = up[f], s = logistic(g);
      dgate[f] = dy[f] * u * s * (T(1) + g * (T(1) - s));
      dup[f] = dy[f] * g * s;
    }
  }
}

template <class T>
const T* optional(const at::Tensor& bias, std::int64_t elements) {
  return bias.defined() ? data<T>(bias, elements) : nullptr;
}

}  // namespace

void gelu_forward(const at::Tensor& y_RF, const at::Tensor& x_RF, const at::Tensor& bias_F) {
  const std::int64_t width = x_RF.size(-1), elements = x_RF.numel();
  if (elements == 0) return;
  dispatch(x_RF, [&](auto zero) {
    using T = decltype(zero);
    T* y = data<T>(y_RF, elements);
    const T *x = data<T>(x_RF, elements), *b = optional<T>(bias_F, width);
    over_rows<T>(elements / width, width, [=](std::int64_t r) { gelu_forward_row(y + r * width, x + r * width, b, width); });
  });
}

void gelu_backward(const at::Tensor& dx_RF, const at::Tensor& dy_RF, const at::Tensor& x_RF, const at::Tensor& bias_F) {
  const std::int64_t width = x_RF.size(-1), elements = x_RF.numel();
  if (elements == 0) return;
  dispatch(x_RF, [&](auto zero) {
    using T = decltype(zero);
    T* dx = data<T>(dx_RF, elements);
    const T *dy = data<T>(dy_RF, elements), *x = data<T>(x_RF, elements), *b = optional<T>(bias_F, width);
    over_rows<T>(elements / width, width,
                 [=](std::int64_t r) { gelu_backward_row(dx + r * width, dy + r * width, x + r * width, b, width); });
  });
}

void swiglu_forward(const at::Tensor& y_RF, const at::Tensor& packed, const at::Tensor& bias) {
  const std::int64_t width = y_RF.size(-1), elements = y_RF.numel();
  if (elements == 0) return;
  dispatch(packed, [&](auto zero) {
    using T = decltype(zero);
    T* y = data<T>(y_RF, elements);
    const T *x = data<T>(packed, 2 * elements), *b = optional<T>(bias, 2 * width);
    over_rows<T>(elements / width, width, [=](std::int64_t r) {
      const T* row = x + 2 * r * width;
      swiglu_forward_row(y + r * width, row, row + width, b, width);
    });
  });
}

void swiglu_backward(const at::Tensor& dpacked, const at::Tensor& dy_RF, const at::Tensor& packed, const at::Tensor& bias) {
  const std::int64_t width = dy_RF.size(-1), elements = dy_RF.numel();
  if (elements == 0) return;
  dispatch(packed, [&](auto zero) {
    using T = decltype(zero);
    T* dx = data<T>(dpacked, 2 * elements);
    const T *dy = data<T>(dy_RF, elements), *x = data<T>(packed, 2 * elements), *b = optional<T>(bias, 2 * width);
    over_rows<T>(elements / width, width, [=](std::int64_t r) {
      const std::int64_t row = 2 * r * width;
      swiglu_backward_row(dx + row, dx + row + width, dy + r * width, x + row, x + row + width, b, width);
    });
  });
}

void column_sum(const at::Tensor& dbias_N, const at::Tensor& dy_RN, Write write) {
  const std::int64_t columns = dbias_N.numel();
  if (columns == 0) return;
  dispatch(dy_RN, [&](auto zero) {
    using T = decltype(zero);
    const T* dy = data<T>(dy_RN, dy_RN.numel());
    ERGON_CHECK(dy_RN.numel() % columns == 0, "column sums of {} into {}", c10::str(dy_RN.sizes()), columns);
    sum_columns<T>(data<T>(dbias_N, columns), dy_RN.numel() / columns, columns, write,
                   [=](T* sums, std::int64_t r, std::int64_t first, std::int64_t count) {
                     const T* row = dy + r * columns + first;
#pragma omp simd
                     for (std::int64_t n = 0; n < count; ++n) sums[n] += row[n];
                   });
  });
}

}  // namespace ergon
