// SPDX-License-Identifier: Apache-2.0
// Stands in for CUDA's header of this name: bfloat16 and its conversions, rounding to nearest, ties to even.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

struct __nv_bfloat16 {
  std::uint16_t bits;
};

inline float __bfloat162float(__nv_bfloat16 x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16); }

inline __nv_bfloat16 __float2bfloat16(float x) {
  if (x != x) return {0x7fff};
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  return {static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

// By way of a float rounded to odd, so that it is rounded once.
inline __nv_bfloat16 __double2bfloat16(double x) {
  float narrow = static_cast<float>(x);
  if (static_cast<double>(narrow) != x && std::isfinite(narrow)) {
    if (std::abs(static_cast<double>(narrow)) > std::abs(x)) narrow = std::nextafter(narrow, 0.0f);
    narrow = std::bit_cast<float>(std::bit_cast<std::uint32_t>(narrow) | 1u);
  }
  return __float2bfloat16(narrow);
}
