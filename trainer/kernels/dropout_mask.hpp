// SPDX-License-Identifier: Apache-2.0
// The dropout decision for runs of elements, in a form that vectorises: for kernels that apply dropout (dropout.cpp, attention/).
#pragma once

#include <cmath>
#include <cstdint>

#include "trainer/kernels/philox.hpp"

namespace ergon {

// What is the same for all elements of one site.
struct DropoutPlan {
  PhiloxKey key{};
  std::uint32_t step = 0, site = 0;  // the two low counter words
  std::uint32_t threshold = 0;       // an element is kept when its top 24 bits are at least this
  double factor = 1.0;               // 1 / (1 - p)
};

inline DropoutPlan dropout_plan(double p, std::int64_t seed, Stream stream, std::int64_t step, std::int64_t layer, unsigned site) {
  return {philox_key(seed, stream), static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(layer) * 8u + site,
          static_cast<std::uint32_t>(std::ceil(p * 0x1p24)), 1.0 / (1.0 - p)};
}

// The factor of element `index`: 0 or plan.factor.
template <class T>
inline T dropout_factor(const DropoutPlan& plan, std::uint64_t index) {
  const T factor = static_cast<T>(plan.factor);
  const std::uint32_t word = philox_word0(plan.step, plan.site, static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                                          plan.key[0], plan.key[1]);
  return (word >> 8) >= plan.threshold ? factor : T(0);
}

// factors[i] = the factor of element index + i. The plan is taken by value: as a local it stays in registers.
template <class T>
inline void dropout_factors(const DropoutPlan plan, std::uint64_t index, std::int64_t count, T* factors) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) factors[i] = dropout_factor<T>(plan, index + static_cast<std::uint64_t>(i));
}

// factors[i] = the factor of element index + offsets[i].
template <class T>
inline void dropout_factors(const DropoutPlan plan, std::uint64_t index, const std::int64_t* offsets, std::int64_t count, T* factors) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) factors[i] = dropout_factor<T>(plan, index + static_cast<std::uint64_t>(offsets[i]));
}

}  // namespace ergon
