// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/pointwise.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "trainer/kernels/device.hpp"
#include "trainer/kernels/lane_sum.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {
namespace {

constexpr std::int64_t sum_block = 65536;  // elements of one partial sum; part of what makes sums reproducible

// y = x in another type, to nearest even.
template <class To, class From>
void convert(const at::Tensor& y, const at::Tensor& x) {
  if (const DeviceKernels* device = device_kernels(x)) return device->copy(y, x);
  const std::int64_t n = y.numel();
  To* out = data<To>(y, n);
  const From* in = data<From>(x, n);
  for_rows(n, 1, [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) out[i] = rounded<To>(widen(in[i]));
  });
}

}  // namespace

void add(const at::Tensor& y, const at::Tensor& a, const at::Tensor& b) {
  if (const DeviceKernels* device = device_kernels(y)) return device->add(y, a, b);
  dispatch_compute(y, [&](auto zero) {
    using C = decltype(zero);
    const std::int64_t n = y.numel();
    C* out = data<C>(y, n);
    const C *left = data<C>(a, n), *right = data<C>(b, n);
    for_rows(n, 1, [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) out[i] = rounded<C>(widen(left[i]) + widen(right[i]));
    });
  });
}

void add_bias(const at::Tensor& x_RN, const at::Tensor& bias_N) {
  if (const DeviceKernels* device = device_kernels(x_RN)) return device->add_bias(x_RN, bias_N);
  const std::int64_t width = bias_N.numel();
  if (x_RN.numel() == 0) return;
  dispatch_compute(x_RN, [&](auto zero) {
    using C = decltype(zero);
    C* x = data<C>(x_RN, x_RN.numel());
    const C* bias = data<C>(bias_N, x_RN.size(-1));
    for_rows(x_RN.numel() / width, width, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        C* row = x + r * width;
#pragma omp simd
        for (std::int64_t i = 0; i < width; ++i) row[i] = rounded<C>(widen(row[i]) + widen(bias[i]));
      }
    });
  });
}

void scale(const at::Tensor& x, double factor) {
  if (const DeviceKernels* device = device_kernels(x)) return device->scale(x, factor);
  dispatch_compute(x, [&](auto zero) {
    using C = decltype(zero);
    C* out = data<C>(x, x.numel());
    const auto by = static_cast<Accumulator<C>>(factor);
    for_rows(x.numel(), 1, [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) out[i] = rounded<C>(widen(out[i]) * by);
    });
  });
}

void zero(const at::Tensor& x) {
  if (const DeviceKernels* device = device_kernels(x)) return device->zero(x);
  ERGON_CHECK(x.is_contiguous(), "zero wants a contiguous tensor, got strides {}", c10::str(x.strides()));
  auto* bytes = static_cast<char*>(x.data_ptr());
  at::parallel_for(0, static_cast<std::int64_t>(x.nbytes()), 65536,
                   [=](std::int64_t begin, std::int64_t end) { std::memset(bytes + begin, 0, static_cast<std::size_t>(end - begin)); });
}

void copy(const at::Tensor& y, const at::Tensor& x) {
  const DeviceKernels* device = device_kernels(y);
  if (device && device_kernels(x) == device && y.device() == x.device()) return device->copy(y, x);
  ERGON_CHECK(y.sizes() == x.sizes(), "copy of {} into {}", c10::str(x.sizes()), c10::str(y.sizes()));
  const at::ScalarType to = y.scalar_type(), from = x.scalar_type();
  const bool converts = (to == at::kFloat && from == at::kBFloat16) || (to == at::kBFloat16 && from == at::kFloat);
  if (!converts || !x.is_contiguous() || !y.is_contiguous()) {
    y.copy_(x);
  } else if (to == at::kFloat) {
    convert<float, bfloat16>(y, x);
  } else {
    convert<bfloat16, float>(y, x);
  }
}

double squared_sum(const at::Tensor& x) {
  if (const DeviceKernels* device = device_kernels(x)) return device->squared_sum(x);
  const std::int64_t n = x.numel(), blocks = (n + sum_block - 1) / sum_block;
  constexpr std::int64_t most = 512;  // blocks at a time: their sums stand on the stack
  double total = 0.0;
  dispatch_compute(x, [&](auto zero) {
    using C = decltype(zero);
    const C* values = data<C>(x, n);
    std::array<double, most> partial;
    double* sums = partial.data();
    for (std::int64_t first = 0; first < blocks; first += most) {
      const std::int64_t count = std::min(most, blocks - first);
      for_rows(count, sum_block, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t b = begin; b < end; ++b) {
          const C* block = values + (first + b) * sum_block;
          sums[b] = lane_sum<double>(std::min(sum_block, n - (first + b) * sum_block), [block](std::int64_t i) {
            const double x = static_cast<double>(widen(block[i]));
            return x * x;
          });
        }
      });
      for (std::int64_t b = 0; b < count; ++b) total += sums[b];
    }
  });
  return total;
}

bool all_finite(const at::Tensor& x) {
  if (const DeviceKernels* device = device_kernels(x)) return device->all_finite(x);
  const std::int64_t n = x.numel(), blocks = (n + sum_block - 1) / sum_block;
  std::vector<char> finite(static_cast<std::size_t>(blocks), 1);
  dispatch_compute(x, [&](auto zero) {
    using C = decltype(zero);
    using A = Accumulator<C>;
    const C* values = data<C>(x, n);
    char* verdicts = finite.data();
    for_rows(blocks, sum_block, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        const C* block = values + b * sum_block;
        // 0 * x is NaN exactly when x is not finite
        const A sum = lane_sum<A>(std::min(sum_block, n - b * sum_block), [block](std::int64_t i) { return A(0) * widen(block[i]); });
        verdicts[b] = sum == A(0);
      }
    });
  });
  return std::all_of(finite.begin(), finite.end(), [](char ok) { return ok != 0; });
}

}  // namespace ergon
