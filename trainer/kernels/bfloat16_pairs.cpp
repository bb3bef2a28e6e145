// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/bfloat16_pairs.hpp"

#include <algorithm>
#include <cstring>

#include "configs/error.hpp"
#include "trainer/kernels/vectorised.hpp"

#if defined(__x86_64__) && defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 reports its own undefined vectors (GCC bug 105593)
#include <immintrin.h>
#define ERGON_AVX512_BF16 [[gnu::target("avx512f,avx512bf16")]]

namespace ergon {
namespace {

constexpr std::int64_t lanes = 16;  // floats, or pairs of bfloat16, of a vector

std::int64_t padded_rows(std::int64_t rows) { return (rows + lanes - 1) / lanes * lanes; }

__mmask16 first_lanes(std::int64_t n) { return static_cast<__mmask16>((1u << std::clamp<std::int64_t>(n, 0, lanes)) - 1u); }

// 16 x 16 values of 32 bits: x[i][j] becomes x[j][i].
ERGON_AVX512_BF16 void transpose(__m512i* x) {
  __m512i y[lanes];
  for (int i = 0; i < 16; i += 2) {
    y[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
    y[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
  }
  for (int i = 0; i < 16; i += 4)
    for (int half = 0; half < 2; ++half) {
      x[i + 2 * half] = _mm512_unpacklo_epi64(y[i + half], y[i + half + 2]);
      x[i + 2 * half + 1] = _mm512_unpackhi_epi64(y[i + half], y[i + half + 2]);
    }
  for (int i = 0; i < 16; i += 8)
    for (int j = 0; j < 4; ++j) {
      y[i + j] = _mm512_shuffle_i32x4(x[i + j], x[i + j + 4], 0x88);
      y[i + j + 4] = _mm512_shuffle_i32x4(x[i + j], x[i + j + 4], 0xdd);
    }
  for (int i = 0; i < 8; ++i) {
    x[i] = _mm512_shuffle_i32x4(y[i], y[i + 8], 0x88);
    x[i + 8] = _mm512_shuffle_i32x4(y[i], y[i + 8], 0xdd);
  }
}

// `Rows` rows of c by `Vectors` vectors of columns, of which the last stores the lanes of `last`. All sums stay in registers.
template <int Rows, int Vectors>
ERGON_AVX512_BF16 void multiply_block(float* c, std::int64_t c_stride, const c10::BFloat16* a, std::int64_t a_stride, const float* paired,
                                      std::int64_t paired_stride, std::int64_t pairs, float scale, __mmask16 last) {
  __m512 sums[Rows][Vectors];
  for (auto& row : sums)
    for (__m512& sum : row) sum = _mm512_setzero_ps();
  for (std::int64_t p = 0; p < pairs; ++p) {
    __m512bh b[Vectors];
    for (int v = 0; v < Vectors; ++v) b[v] = (__m512bh)_mm512_loadu_ps(paired + p * paired_stride + v * lanes);
    for (int r = 0; r < Rows; ++r) {
      int pair;
      std::memcpy(&pair, a + r * a_stride + 2 * p, sizeof(pair));
      for (int v = 0; v < Vectors; ++v) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], (__m512bh)_mm512_set1_epi32(pair), b[v]);
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int v = 0; v < Vectors; ++v)
      _mm512_mask_storeu_ps(c + r * c_stride + v * lanes, v + 1 < Vectors ? first_lanes(lanes) : last,
                            _mm512_mul_ps(_mm512_set1_ps(scale), sums[r][v]));
}

template <int Vectors>
void multiply_columns(float* c, std::int64_t c_stride, const c10::BFloat16* a, std::int64_t a_stride, std::int64_t rows,
                      const float* paired, std::int64_t paired_stride, std::int64_t pairs, float scale, __mmask16 last) {
  constexpr int block = 4;
  std::int64_t r = 0;
  for (; r + block <= rows; r += block)
    multiply_block<block, Vectors>(c + r * c_stride, c_stride, a + r * a_stride, a_stride, paired, paired_stride, pairs, scale, last);
  for (; r < rows; ++r)
    multiply_block<1, Vectors>(c + r * c_stride, c_stride, a + r * a_stride, a_stride, paired, paired_stride, pairs, scale, last);
}

}  // namespace

bool can_multiply_pairs(std::int64_t width) { return width % 2 == 0 && processor_has_bfloat16(); }

std::int64_t paired_elements(std::int64_t rows, std::int64_t width) { return padded_rows(rows) * (width / 2); }

// paired[p][row], rows padded with zeros to whole vectors.
ERGON_AVX512_BF16 void pair_rows(float* paired, const c10::BFloat16* b, std::int64_t stride, std::int64_t rows, std::int64_t width) {
  ERGON_CHECK(can_multiply_pairs(width), "pairs of rows of width {} on this processor", width);
  const std::int64_t pairs = width / 2, columns = padded_rows(rows);
  for (std::int64_t row = 0; row < rows; row += lanes)
    for (std::int64_t p = 0; p < pairs; p += lanes) {
      __m512i block[lanes];
      for (std::int64_t i = 0; i < lanes; ++i)
        block[i] =
            row + i < rows ? _mm512_maskz_loadu_epi32(first_lanes(pairs - p), b + (row + i) * stride + 2 * p) : _mm512_setzero_si512();
      transpose(block);
      for (std::int64_t i = 0; i < std::min(lanes, pairs - p); ++i)
        _mm512_storeu_ps(paired + (p + i) * columns + row, _mm512_castsi512_ps(block[i]));
    }
}

void multiply_pairs(float* c, std::int64_t c_stride, const c10::BFloat16* a, std::int64_t a_stride, std::int64_t rows, const float* paired,
                    std::int64_t columns, std::int64_t width, float scale) {
  ERGON_CHECK(can_multiply_pairs(width), "pairs of rows of width {} on this processor", width);
  const std::int64_t pairs = width / 2, paired_stride = padded_rows(columns);
  for (std::int64_t first = 0; first < columns; first += 4 * lanes) {
    const std::int64_t count = std::min(4 * lanes, columns - first), vectors = padded_rows(count) / lanes;
    const auto part = vectors == 4   ? multiply_columns<4>
                      : vectors == 3 ? multiply_columns<3>
                      : vectors == 2 ? multiply_columns<2>
                                     : multiply_columns<1>;
    part(c + first, c_stride, a, a_stride, rows, paired + first, paired_stride, pairs, scale, first_lanes(count - (vectors - 1) * lanes));
  }
}

}  // namespace ergon

#else

namespace ergon {

bool can_multiply_pairs(std::int64_t) { return false; }
std::int64_t paired_elements(std::int64_t, std::int64_t) { return 0; }
void pair_rows(float*, const c10::BFloat16*, std::int64_t, std::int64_t, std::int64_t) {
  ERGON_CHECK(false, "pairs of bfloat16 without AVX512_BF16");
}
void multiply_pairs(float*, std::int64_t, const c10::BFloat16*, std::int64_t, std::int64_t, const float*, std::int64_t, std::int64_t,
                    float) {
  ERGON_CHECK(false, "pairs of bfloat16 without AVX512_BF16");
}

}  // namespace ergon

#endif
