// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/cross_entropy.hpp"

#include <cmath>
#include <limits>

#include "trainer/data/batch.hpp"
#include "trainer/kernels/device.hpp"
#include "trainer/kernels/exponential.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {
namespace {

template <class T>
T row_max(const T* x, std::int64_t n) {
  T most = -std::numeric_limits<T>::infinity();
#pragma omp simd reduction(max : most)
  for (std::int64_t v = 0; v < n; ++v) most = x[v] > most ? x[v] : most;
  return most;
}

template <class T>
T row_sum_exp(const T* x, T shift, std::int64_t n) {
  constexpr std::int64_t block = 1024;  // a block's sum is rounded once: the error does not grow with the vocabulary
  T total = 0;
  for (std::int64_t v0 = 0; v0 < n; v0 += block) {
    T sum = 0;
    const std::int64_t last = std::min(n, v0 + block);
#pragma omp simd reduction(+ : sum)
    for (std::int64_t v = v0; v < last; ++v) sum += vector_exp(x[v] - shift);
    total += sum;
  }
  return total;
}

template <class C, class A = Accumulator<C>>
void row_gradient(C* dx, const A* x, A shift, A factor, std::int64_t n) {
#pragma omp simd
  for (std::int64_t v = 0; v < n; ++v) dx[v] = rounded<C>(vector_exp(x[v] - shift) * factor);
}

void check_columns(const at::Tensor& logits_RV, std::int64_t real) {
  ERGON_CHECK(logits_RV.dim() == 2 && real >= 0 && real <= logits_RV.size(1), "{} real columns in logits of {}", real,
              c10::str(logits_RV.sizes()));
}

}  // namespace

void logits_max(const at::Tensor& max_R, const at::Tensor& logits_RV, std::int64_t real) {
  if (const DeviceKernels* device = device_kernels(logits_RV)) return device->logits_max(max_R, logits_RV, real);
  check_columns(logits_RV, real);
  const std::int64_t rows = logits_RV.size(0), columns = logits_RV.size(1);
  dispatch(logits_RV, [&](auto zero) {
    using T = decltype(zero);
    T* most = data<T>(max_R, rows);
    const T* logits = data<T>(logits_RV, rows * columns);
    for_rows(rows, columns, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) most[r] = row_max(logits + r * columns, real);
    });
  });
}

void logits_sum(const at::Tensor& sum_R, const at::Tensor& label_R, const at::Tensor& logits_RV, const at::Tensor& max_R,
                const at::Tensor& labels_R, std::int64_t first, std::int64_t real) {
  if (const DeviceKernels* device = device_kernels(logits_RV))
    return device->logits_sum(sum_R, label_R, logits_RV, max_R, labels_R, first, real);
  check_columns(logits_RV, real);
  const std::int64_t rows = logits_RV.size(0), columns = logits_RV.size(1);
  const std::int64_t* labels = data<std::int64_t>(labels_R, rows);
  dispatch(logits_RV, [&](auto zero) {
    using T = decltype(zero);
    T *sum = data<T>(sum_R, rows), *label = data<T>(label_R, rows);
    const T *most = data<T>(max_R, rows), *logits = data<T>(logits_RV, rows * columns);
    for_rows(rows, columns * 4, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const T* row = logits + r * columns;
        const std::int64_t column = labels[r] - first;
        label[r] = labels[r] != ignored_label && column >= 0 && column < real ? row[column] : T(0);
        sum[r] = row_sum_exp(row, most[r], real);
      }
    });
  });
}

double cross_entropy_loss(const at::Tensor& max_R, const at::Tensor& sum_R, const at::Tensor& label_R, const at::Tensor& labels_R) {
  if (const DeviceKernels* device = device_kernels(max_R)) return device->cross_entropy_loss(max_R, sum_R, label_R, labels_R);
  const std::int64_t rows = labels_R.numel();
  const std::int64_t* labels = data<std::int64_t>(labels_R, rows);
  double loss = 0.0;
  dispatch(max_R, [&](auto zero) {
    using T = decltype(zero);
    const T *most = data<T>(max_R, rows), *sum = data<T>(sum_R, rows), *label = data<T>(label_R, rows);
    for (std::int64_t r = 0; r < rows; ++r)
      if (labels[r] != ignored_label)
        loss += static_cast<double>(most[r]) + std::log(static_cast<double>(sum[r])) - static_cast<double>(label[r]);
  });
  return loss;
}

void cross_entropy_backward(const at::Tensor& dlogits_RV, const at::Tensor& logits_RV, const at::Tensor& max_R, const at::Tensor& sum_R,
                            const at::Tensor& labels_R, std::int64_t first, std::int64_t real, double scale) {
  if (const DeviceKernels* device = device_kernels(logits_RV))
    return device->cross_entropy_backward(dlogits_RV, logits_RV, max_R, sum_R, labels_R, first, real, scale);
  check_columns(logits_RV, real);
  const std::int64_t rows = logits_RV.size(0), columns = logits_RV.size(1);
  const std::int64_t* labels = data<std::int64_t>(labels_R, rows);
  dispatch_compute(dlogits_RV, [&](auto zero) {
    using C = decltype(zero);
    using A = Accumulator<C>;
    C* dlogits = data<C>(dlogits_RV, rows * columns);
    const A *logits = data<A>(logits_RV, rows * columns), *most = data<A>(max_R, rows), *sum = data<A>(sum_R, rows);
    for_rows(rows, columns * 4, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const A* row = logits + r * columns;
        C* gradient = dlogits + r * columns;
        const std::int64_t column = labels[r] - first;
        const bool valid = labels[r] != ignored_label, here = valid && column >= 0 && column < real;
        const A factor = static_cast<A>(scale / static_cast<double>(sum[r]));
        // The label's element is rounded once too; taken before dlogits may overwrite the logit.
        const A of_label = here ? vector_exp(row[column] - most[r]) * factor - static_cast<A>(scale) : A(0);
        if (valid) row_gradient(gradient, row, most[r], factor, real);
        std::fill(gradient + (valid ? real : 0), gradient + columns, zero);
        if (here) gradient[column] = rounded<C>(of_label);
      }
    });
  });
}

}  // namespace ergon
