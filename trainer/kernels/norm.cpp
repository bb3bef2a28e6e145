// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/norm.hpp"

#include <cmath>

#include "trainer/kernels/columns.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {
namespace {

template <class T>
T row_sum(const T* x, std::int64_t n) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t d = 0; d < n; ++d) sum += x[d];
  return sum;
}

// Sum of (x - shift)^2.
template <class T>
T row_square_sum(const T* x, T shift, std::int64_t n) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t d = 0; d < n; ++d) sum += (x[d] - shift) * (x[d] - shift);
  return sum;
}

template <class T>
void layernorm_row(T* y, const T* x, const T* w, const T* b, T mean, T rstd, std::int64_t n) {
  if (b) {
#pragma omp simd
    for (std::int64_t d = 0; d < n; ++d) y[d] = (x[d] - mean) * rstd * w[d] + b[d];
  } else {
#pragma omp simd
    for (std::int64_t d = 0; d < n; ++d) y[d] = (x[d] - mean) * rstd * w[d];
  }
}

// dx (+)= rstd (g - mean(g) centred - xhat mean(g xhat)), g = dy w, xhat = (x - mean) rstd; rmsnorm has no mean to give back.
template <class T>
void backward_row(T* dx, const T* dy, const T* x, const T* w, T mean, T rstd, bool centred, std::int64_t n, Write write) {
  T g_sum = 0, gx_sum = 0;
#pragma omp simd reduction(+ : g_sum, gx_sum)
  for (std::int64_t d = 0; d < n; ++d) {
    const T g = dy[d] * w[d];
    g_sum += g;
    gx_sum += g * ((x[d] - mean) * rstd);
  }
  const T a = centred ? g_sum / static_cast<T>(n) : T(0), c = gx_sum / static_cast<T>(n);
  if (write == Write::overwrite) {
#pragma omp simd
    for (std::int64_t d = 0; d < n; ++d) dx[d] = rstd * (dy[d] * w[d] - a - (x[d] - mean) * rstd * c);
  } else {
#pragma omp simd
    for (std::int64_t d = 0; d < n; ++d) dx[d] += rstd * (dy[d] * w[d] - a - (x[d] - mean) * rstd * c);
  }
}

struct Sizes {
  std::int64_t rows, width, elements;
};
Sizes sizes_of(const at::Tensor& x, const at::Tensor& weight) {
  const std::int64_t width = weight.numel();
  ERGON_CHECK(width > 0 && x.dim() > 0 && x.size(-1) == width, "norm over {} with a weight of {}", c10::str(x.sizes()), width);
  return {x.numel() / width, width, x.numel()};
}

void backward_input(const at::Tensor& dx_RD, const at::Tensor& dy_RD, const at::Tensor& x_RD, const at::Tensor* mean_R,
                    const at::Tensor& rstd_R, const at::Tensor& weight_D, Write write) {
  const auto [rows, width, elements] = sizes_of(x_RD, weight_D);
  dispatch(x_RD, [&, rows = rows, width = width, elements = elements](auto zero) {
    using T = decltype(zero);
    T* dx = data<T>(dx_RD, elements);
    const T *dy = data<T>(dy_RD, elements), *x = data<T>(x_RD, elements), *w = data<T>(weight_D, width);
    const T *mean = mean_R ? data<T>(*mean_R, rows) : nullptr, *rstd = data<T>(rstd_R, rows);
    for_rows(rows, width, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r)
        backward_row(dx + r * width, dy + r * width, x + r * width, w, mean ? mean[r] : T(0), rstd[r], mean != nullptr, width, write);
    });
  });
}

void backward_weight(const at::Tensor& dweight_D, const at::Tensor& dbias_D, const at::Tensor& dy_RD, const at::Tensor& x_RD,
                     const at::Tensor* mean_R, const at::Tensor& rstd_R, Write write) {
  const auto [rows, width, elements] = sizes_of(x_RD, dweight_D);
  dispatch(x_RD, [&, rows = rows, width = width, elements = elements](auto zero) {
    using T = decltype(zero);
    const T *dy = data<T>(dy_RD, elements), *x = data<T>(x_RD, elements);
    const T *mean = mean_R ? data<T>(*mean_R, rows) : nullptr, *rstd = data<T>(rstd_R, rows);
    sum_columns<T>(data<T>(dweight_D, width), rows, width, write, [=](T* sums, std::int64_t r, std::int64_t first, std::int64_t count) {
      const T *dy_row = dy + r * width + first, *x_row = x + r * width + first;
      const T shift = mean ? mean[r] : T(0), factor = rstd[r];
#pragma omp simd
      for (std::int64_t d = 0; d < count; ++d) sums[d] += dy_row[d] * ((x_row[d] - shift) * factor);
    });
    if (!dbias_D.defined()) return;
    sum_columns<T>(data<T>(dbias_D, width), rows, width, write, [=](T* sums, std::int64_t r, std::int64_t first, std::int64_t count) {
      const T* dy_row = dy + r * width + first;
#pragma omp simd
      for (std::int64_t d = 0; d < count; ++d) sums[d] += dy_row[d];
    });
  });
}

}  // namespace

void layernorm_forward(const at::Tensor& y_RD, const at::Tensor& mean_R, const at::Tensor& rstd_R, const at::Tensor& x_RD,
                       const at::Tensor& weight_D, const at::Tensor& bias_D, double epsilon) {
  const auto [rows, width, elements] = sizes_of(x_RD, weight_D);
  dispatch(x_RD, [&, rows = rows, width = width, elements = elements](auto zero) {
    using T = decltype(zero);
    T *y = data<T>(y_RD, elements), *mean = data<T>(mean_R, rows), *rstd = data<T>(rstd_R, rows);
    const T *x = data<T>(x_RD, elements), *w = data<T>(weight_D, width), *b = bias_D.defined() ? data<T>(bias_D, width) : nullptr;
    for_rows(rows, width, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const T* row = x + r * width;
        mean[r] = row_sum(row, width) / static_cast<T>(width);
        rstd[r] = T(1) / std::sqrt(row_square_sum(row, mean[r], width) / static_cast<T>(width) + static_cast<T>(epsilon));
        layernorm_row(y + r * width, row, w, b, mean[r], rstd[r], width);
      }
    });
  });
}

void layernorm_backward_input(const at::Tensor& dx_RD, const at::Tensor& dy_RD, const at::Tensor& x_RD, const at::Tensor& mean_R,
                              const at::Tensor& rstd_R, const at::Tensor& weight_D, Write write) {
  backward_input(dx_RD, dy_RD, x_RD, &mean_R, rstd_R, weight_D, write);
}

void layernorm_backward_weight(const at::Tensor& dweight_D, const at::Tensor& dbias_D, const at::Tensor& dy_RD, const at::Tensor& x_RD,
                               const at::Tensor& mean_R, const at::Tensor& rstd_R, Write write) {
  backward_weight(dweight_D, dbias_D, dy_RD, x_RD, &mean_R, rstd_R, write);
}

void rmsnorm_forward(const at::Tensor& y_RD, const at::Tensor& rstd_R, const at::Tensor& x_RD, const at::Tensor& weight_D, double epsilon) {
  const auto [rows, width, elements] = sizes_of(x_RD, weight_D);
  dispatch(x_RD, [&, rows = rows, width = width, elements = elements](auto zero) {
    using T = decltype(zero);
    T *y = data<T>(y_RD, elements), *rstd = data<T>(rstd_R, rows);
    const T *x = data<T>(x_RD, elements), *w = data<T>(weight_D, width);
    for_rows(rows, width, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const T* row = x + r * width;
        rstd[r] = T(1) / std::sqrt(row_square_sum(row, T(0), width) / static_cast<T>(width) + static_cast<T>(epsilon));
        layernorm_row<T>(y + r * width, row, w, nullptr, T(0), rstd[r], width);
      }
    });
  });
}

void rmsnorm_backward_input(const at::Tensor& dx_RD, const at::Tensor& dy_RD, const at::Tensor& x_RD, const at::Tensor& rstd_R,
                            const at::Tensor& weight_D, Write write) {
  backward_input(dx_RD, dy_RD, x_RD, nullptr, rstd_R, weight_D, write);
}

void rmsnorm_backward_weight(const at::Tensor& dweight_D, const at::Tensor& dy_RD, const at::Tensor& x_RD, const at::Tensor& rstd_R,
                             Write write) {
  backward_weight(dweight_D, at::Tensor(), dy_RD, x_RD, nullptr, rstd_R, write);
}

}  // namespace ergon
