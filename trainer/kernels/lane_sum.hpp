// SPDX-License-Identifier: Apache-2.0
// A sum over i in [0, n) of term(i) in A, kept in 128 bytes of partial sums side by side, which are added pairwise at the end: one order on
// every instruction set. For loops whose terms are converted on the way (float or bfloat16 added in double), which GCC leaves scalar under
// `omp simd reduction` inside a copy compiled for a wider instruction set (vectorised.hpp).
#pragma once

#include <cstdint>

namespace ergon {

template <class A, class Term>
A lane_sum(std::int64_t n, const Term& term) {
  constexpr std::int64_t lanes = 128 / sizeof(A);
  A partial[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
#pragma omp simd
    for (std::int64_t lane = 0; lane < lanes; ++lane) partial[lane] += term(i + lane);
  }
  for (std::int64_t lane = 0; i < n; ++i, ++lane) partial[lane] += term(i);
  for (std::int64_t width = lanes / 2; width > 0; width /= 2)
    for (std::int64_t lane = 0; lane < width; ++lane) partial[lane] += partial[lane + width];
  return partial[0];
}

}  // namespace ergon
