// SPDX-License-Identifier: Apache-2.0
// Sums and maxima over a warp, over a block, and over the rows of a matrix, each in one fixed order: results are the same bits on every
// run.
#pragma once

#include "trainer/kernels/cuda/numeric.cuh"

namespace ergon::cuda {

constexpr int warp_width = 32;
constexpr unsigned whole_warp = 0xffffffffu;

struct Plus {
  template <class A>
  __device__ A operator()(A a, A b) const {
    return a + b;
  }
};
// Keeps `a` when b is not a number, as the host's loops do: the sum of exponentials carries it on.
struct Larger {
  template <class A>
  __device__ A operator()(A a, A b) const {
    return b > a ? b : a;
  }
};

// Over `lanes` neighbouring lanes (a power of two); every lane gets the result, and all lanes of the warp must come.
template <class Join, class A>
__device__ inline A join_lanes(A x, int lanes) {
  for (int distance = lanes / 2; distance > 0; distance /= 2) x = Join()(x, __shfl_xor_sync(whole_warp, x, distance));
  return x;
}
template <class A>
__device__ inline A warp_sum(A x) {
  return join_lanes<Plus>(x, warp_width);
}

// Over a block of at most 1024 threads, whole warps; every thread gets the result and all threads must come.
template <class Join, class A>
__device__ inline A block_join(A x) {
  __shared__ A parts[warp_width];
  x = join_lanes<Join>(x, warp_width);
  if (threadIdx.x % warp_width == 0) parts[threadIdx.x / warp_width] = x;
  __syncthreads();
  const int warps = static_cast<int>(blockDim.x) / warp_width;
  A total = parts[0];
  for (int w = 1; w < warps; ++w) total = Join()(total, parts[w]);
  __syncthreads();
  return total;
}

// Column sums: a block of 32 columns x 8 lanes of rows; a lane adds its rows in blocks of 64, the eight sums are added in lane order.
constexpr int column_width = 32, column_lanes = 8, column_threads = column_width * column_lanes;
inline std::int64_t column_blocks(std::int64_t columns) { return (columns + column_width - 1) / column_width; }

// term(row, column) in A; out[column] (+)= the sum over rows.
template <class A, class Term>
__device__ inline void sum_columns(A* out, std::int64_t rows, std::int64_t columns, bool accumulate, const Term& term) {
  __shared__ A parts[column_lanes][column_width];
  const int lane = static_cast<int>(threadIdx.x) / column_width, place = static_cast<int>(threadIdx.x) % column_width;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * column_width + place;
  constexpr std::int64_t row_block = 64;
  A total = 0;
  for (std::int64_t first = lane; column < columns && first < rows; first += row_block * column_lanes) {
    A sum = 0;
    for (std::int64_t i = 0; i < row_block && first + i * column_lanes < rows; ++i) sum += term(first + i * column_lanes, column);
    total += sum;
  }
  parts[lane][place] = total;
  __syncthreads();
  if (lane != 0 || column >= columns) return;
  for (int other = 1; other < column_lanes; ++other) total += parts[other][place];
  out[column] = accumulate ? out[column] + total : total;
}

}  // namespace ergon::cuda
