// SPDX-License-Identifier: Apache-2.0
#include "trainer/optimizer/adamw.hpp"

#include <cmath>

#include "trainer/kernels/device.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {
namespace {

// The settings of one step, folded into what the loop needs.
template <class T>
struct Coefficients {
  T keep, beta1, beta2, rest1, rest2, gradient_scale, step_size, second_scale, epsilon;
};

template <class T>
Coefficients<T> fold(const AdamW& s, double gradient_scale, std::int64_t step) {
  const double correction1 = 1.0 - std::pow(s.beta1, static_cast<double>(step)),
               correction2 = 1.0 - std::pow(s.beta2, static_cast<double>(step));
  return {static_cast<T>(1.0 - s.lr * s.weight_decay),
          static_cast<T>(s.beta1),
          static_cast<T>(s.beta2),
          static_cast<T>(1.0 - s.beta1),
          static_cast<T>(1.0 - s.beta2),
          static_cast<T>(gradient_scale),
          static_cast<T>(s.lr / correction1),
          static_cast<T>(1.0 / std::sqrt(correction2)),
          static_cast<T>(s.epsilon)};
}

// One element; returns the new parameter.
template <class T>
inline T updated(T p, T gradient, T& m, T& v, const Coefficients<T>& c) {
  const T g = gradient * c.gradient_scale;
  m = c.beta1 * m + c.rest1 * g;
  v = c.beta2 * v + c.rest2 * g * g;
  return p * c.keep - c.step_size * m / (std::sqrt(v) * c.second_scale + c.epsilon);
}

template <class T>
void update(T* __restrict p, const T* __restrict gradient, T* __restrict m, T* __restrict v, std::int64_t begin, std::int64_t end,
            const Coefficients<T> c) {
#pragma omp simd
  for (std::int64_t i = begin; i < end; ++i) p[i] = updated(p[i], gradient[i], m[i], v[i], c);
}

void update_rounding(float* __restrict p, bfloat16* __restrict weight, const float* __restrict gradient, float* __restrict m,
                     float* __restrict v, std::int64_t begin, std::int64_t end, const Coefficients<float> c) {
#pragma omp simd
  for (std::int64_t i = begin; i < end; ++i) {
    p[i] = updated(p[i], gradient[i], m[i], v[i], c);
    weight[i] = rounded<bfloat16>(p[i]);
  }
}

}  // namespace

void adamw_update(const at::Tensor& parameter, const at::Tensor& gradient, const at::Tensor& m, const at::Tensor& v, const AdamW& settings,
                  double gradient_scale, std::int64_t step, const at::Tensor& weight) {
  ERGON_CHECK(step >= 1, "updates count from 1, not from {}", step);
  if (const DeviceKernels* device = device_kernels(parameter)) {
    const auto c = fold<double>(settings, gradient_scale, step);
    return device->adamw(parameter, weight, gradient, m, v,
                         {c.keep, c.beta1, c.beta2, c.rest1, c.rest2, c.gradient_scale, c.step_size, c.second_scale, c.epsilon});
  }
  const std::int64_t n = parameter.numel();
  if (weight.defined()) {
    float *p = data<float>(parameter, n), *first = data<float>(m, n), *second = data<float>(v, n);
    bfloat16* copy = data<bfloat16>(weight, n);
    const float* g = data<float>(gradient, n);
    const auto coefficients = fold<float>(settings, gradient_scale, step);
    for_rows(n, 4, [=](std::int64_t begin, std::int64_t end) { update_rounding(p, copy, g, first, second, begin, end, coefficients); });
    return;
  }
  dispatch(parameter, [&](auto zero) {
    using T = decltype(zero);
    T *p = data<T>(parameter, n), *first = data<T>(m, n), *second = data<T>(v, n);
    const T* g = data<T>(gradient, n);
    const auto coefficients = fold<T>(settings, gradient_scale, step);
    for_rows(n, 4, [=](std::int64_t begin, std::int64_t end) { update(p, g, first, second, begin, end, coefficients); });
  });
}

}  // namespace ergon
