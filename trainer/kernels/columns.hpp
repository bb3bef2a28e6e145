// SPDX-License-Identifier: Apache-2.0
// Sums over rows, one a column, as bias and norm gradients need them. Rows are added in blocks of 64, blocks in order: the rounding error
// grows with the number of blocks, not of rows, and a column's sum does not depend on how the columns are shared among threads.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "trainer/kernels/gemm.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {

// add_row(sums, row, first, count) adds the terms of one row to sums[0, count), the columns [first, first + count).
template <class T, class AddRow>
void sum_columns(T* out, std::int64_t rows, std::int64_t columns, Write write, const AddRow& add_row) {
  constexpr std::int64_t widest = 1024, row_block = 64;
  const std::int64_t share = (columns + at::get_num_threads() - 1) / at::get_num_threads();
  const std::int64_t chunk = std::clamp<std::int64_t>((share + 15) / 16 * 16, 16, widest);
  for_rows((columns + chunk - 1) / chunk, rows * chunk, [=](std::int64_t begin, std::int64_t end) {
    std::array<T, widest> total, block;
    for (std::int64_t c = begin; c < end; ++c) {
      const std::int64_t first = c * chunk, count = std::min(chunk, columns - first);
      std::fill_n(total.data(), count, T(0));
      for (std::int64_t r0 = 0; r0 < rows; r0 += row_block) {
        std::fill_n(block.data(), count, T(0));
        for (std::int64_t r = r0; r < std::min(rows, r0 + row_block); ++r) add_row(block.data(), r, first, count);
        for (std::int64_t i = 0; i < count; ++i) total[i] += block[i];
      }
      if (write == Write::accumulate)
        for (std::int64_t i = 0; i < count; ++i) out[first + i] += total[i];
      else
        std::copy_n(total.data(), count, out + first);
    }
  });
}

}  // namespace ergon
