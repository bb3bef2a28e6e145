// SPDX-License-Identifier: Apache-2.0
// exp and the logistic function in a form that compilers vectorise. The float form has a relative error below 3e-7 (test), gives 0 below
// -87.3 and infinity above 88.37, and keeps NaN: 2^n e^r, n = round(x / ln 2), e^r by its Taylor polynomial of degree 7 on |r| <= ln 2 / 2.
// double is std::exp.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace ergon {

inline float vector_exp(float x) {
  const float bounded = x > 89.0f ? 89.0f : x;
  constexpr float round_to_integer = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low mantissa bits
  const float shifted = bounded * 1.44269504088896341f + round_to_integer;
  const float n = shifted - round_to_integer;
  const float r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts
  float p = 1.98412698e-4f;
  p = p * r + 1.38888889e-3f;
  p = p * r + 8.33333333e-3f;
  p = p * r + 4.16666667e-2f;
  p = p * r + 1.66666667e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const float power = std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) + 127u) << 23);
  return x < -87.3f ? 0.0f : p * power;
}
inline double vector_exp(double x) { return std::exp(x); }

template <class T>
inline T logistic(T x) {
  return T(1) / (T(1) + vector_exp(-x));
}

}  // namespace ergon
