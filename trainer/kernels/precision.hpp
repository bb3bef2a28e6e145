// SPDX-License-Identifier: Apache-2.0
// The two types of a kernel: C, in which activations and weights are stored (float, double or bfloat16), and A, in which everything is
// computed and what must not lose bits is stored (float for float and bfloat16, double for double).
//
//   y[i] = rounded<C>(f(widen(x[i])));      // load C, compute in A, round once, to nearest even
//
// Conversions are integer shifts without branches: c10::BFloat16's own operators keep loops from being vectorised.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/BFloat16.h>

#include <bit>
#include <cstdint>
#include <type_traits>

namespace ergon {

using bfloat16 = c10::BFloat16;

template <class C>
using Accumulator = std::conditional_t<std::is_same_v<C, bfloat16>, float, C>;

inline at::ScalarType accumulator_type(at::ScalarType compute) { return compute == at::kBFloat16 ? at::kFloat : compute; }

inline double widen(double x) { return x; }
inline float widen(float x) { return x; }
inline float widen(bfloat16 x) { return std::bit_cast<float>(std::uint32_t{x.x} << 16); }

// Not-a-number stays one; beyond the largest finite value comes infinity.
template <class C>
inline C rounded(Accumulator<C> x) {
  if constexpr (std::is_same_v<C, bfloat16>) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    const std::uint32_t nearest = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
    const bool number = (bits & 0x7FFFFFFFu) <= 0x7F800000u;
    return bfloat16(static_cast<std::uint16_t>(number ? nearest : 0x7FC0u), bfloat16::from_bits());
  } else {
    return x;
  }
}

}  // namespace ergon
