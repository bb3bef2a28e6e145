// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/bfloat16.hpp"

#include "trainer/kernels/precision.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {
void widen_rows(float* out, std::int64_t out_stride, const c10::BFloat16* in, std::int64_t in_stride, std::int64_t rows,
                std::int64_t columns) {
  for_rows(rows, columns, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      auto* __restrict to = reinterpret_cast<std::uint32_t*>(out + row * out_stride);
      const auto* __restrict from = reinterpret_cast<const std::uint16_t*>(in + row * in_stride);
#pragma omp simd
      for (std::int64_t i = 0; i < columns; ++i) to[i] = static_cast<std::uint32_t>(from[i]) << 16;
    }
  });
}

void round_rows(c10::BFloat16* out, std::int64_t out_stride, const float* in, std::int64_t in_stride, std::int64_t rows,
                std::int64_t columns) {
  for_rows(rows, columns, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      bfloat16* __restrict to = out + row * out_stride;
      const float* __restrict from = in + row * in_stride;
#pragma omp simd
      for (std::int64_t i = 0; i < columns; ++i) to[i] = rounded<bfloat16>(from[i]);
    }
  });
}

}  // namespace ergon
