// SPDX-License-Identifier: Apache-2.0
// Philox4x32-10 and what is drawn from it, word for word as trainer/kernels/philox.hpp and dropout_mask.hpp fix it.
#pragma once

#include "trainer/kernels/cuda/kernel_table.h"
#include "trainer/kernels/cuda/numeric.cuh"

namespace ergon::cuda {

struct PhiloxWords {
  std::uint32_t word[4];
};

__device__ inline PhiloxWords philox4x32(std::uint32_t c0, std::uint32_t c1, std::uint32_t c2, std::uint32_t c3, std::uint32_t k0,
                                         std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * c0, b = std::uint64_t{0xCD9E8D57u} * c2;
    c0 = static_cast<std::uint32_t>(b >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(b);
    c2 = static_cast<std::uint32_t>(a >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(a);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// 0 or plan.factor: the factor of element `index` of a site.
template <class A>
__device__ inline A dropout_factor(const ErgonDropout& plan, std::uint64_t index) {
  const PhiloxWords words = philox4x32(plan.step, plan.site, static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                                       plan.key[0], plan.key[1]);
  return (words.word[0] >> 8) >= plan.threshold ? static_cast<A>(plan.factor) : A(0);
}

// The standard normal of an element, in fp64 (Box and Muller).
__device__ inline double normal(std::uint32_t key0, std::uint32_t key1, std::uint64_t name_hash, std::uint64_t element) {
  const PhiloxWords w = philox4x32(static_cast<std::uint32_t>(element), static_cast<std::uint32_t>(element >> 32),
                                   static_cast<std::uint32_t>(name_hash), static_cast<std::uint32_t>(name_hash >> 32), key0, key1);
  const std::uint64_t first = ((std::uint64_t{w.word[1]} << 32) | w.word[0]) >> 11,
                      second = ((std::uint64_t{w.word[3]} << 32) | w.word[2]) >> 11;
  constexpr double two_to_minus_53 = 1.0 / 9007199254740992.0, two_pi = 6.283185307179586476925;
  const double u = static_cast<double>(first + 1) * two_to_minus_53, v = static_cast<double>(second) * two_to_minus_53;
  return std::sqrt(-2.0 * std::log(u)) * std::cos(two_pi * v);
}

}  // namespace ergon::cuda
