// SPDX-License-Identifier: Apache-2.0
// LayerNorm and RMSNorm (mean null): trainer/kernels/norm.hpp. One warp a row.
#include "trainer/kernels/cuda/entries.cuh"
#include "trainer/kernels/cuda/launch.cuh"
#include "trainer/kernels/cuda/reduce.cuh"

namespace ergon::cuda {
namespace {

constexpr int rows_per_block = 4, row_threads = rows_per_block * warp_width;
std::int64_t row_blocks(std::int64_t rows) { return (rows + rows_per_block - 1) / rows_per_block; }
__device__ std::int64_t row_of_warp() { return static_cast<std::int64_t>(blockIdx.x) * rows_per_block + threadIdx.x / warp_width; }

template <class C>
__global__ void forward_kernel(C* y, Accumulator<C>* mean, Accumulator<C>* rstd, const C* x, const C* weight, const C* bias, double epsilon,
                               std::int64_t rows, std::int64_t width) {
  using A = Accumulator<C>;
  const std::int64_t row = row_of_warp();
  const int lane = static_cast<int>(threadIdx.x) % warp_width;
  if (row >= rows) return;
  x += row * width;
  y += row * width;
  A shift = 0;
  if (mean) {
    A sum = 0;
    for (std::int64_t d = lane; d < width; d += warp_width) sum += widen(x[d]);
    shift = warp_sum(sum) / static_cast<A>(width);
  }
  A squares = 0;
  for (std::int64_t d = lane; d < width; d += warp_width) squares += (widen(x[d]) - shift) * (widen(x[d]) - shift);
  const A factor = A(1) / std::sqrt(warp_sum(squares) / static_cast<A>(width) + static_cast<A>(epsilon));
  for (std::int64_t d = lane; d < width; d += warp_width) {
    const A value = (widen(x[d]) - shift) * factor * widen(weight[d]);
    y[d] = round_to<C>(bias ? value + widen(bias[d]) : value);
  }
  if (lane != 0) return;
  if (mean) mean[row] = shift;
  rstd[row] = factor;
}

// dx (+)= rstd (g - mean(g) - xhat mean(g xhat)), g = dy w, xhat = (x - mean) rstd; RMSNorm has no mean to give back.
template <class C>
__global__ void backward_input_kernel(C* dx, const C* dy, const C* x, const Accumulator<C>* mean, const Accumulator<C>* rstd,
                                      const C* weight, bool accumulate, std::int64_t rows, std::int64_t width) {
  using A = Accumulator<C>;
  const std::int64_t row = row_of_warp();
  const int lane = static_cast<int>(threadIdx.x) % warp_width;
  if (row >= rows) return;
  dx += row * width;
  dy += row * width;
  x += row * width;
  const A shift = mean ? mean[row] : A(0), factor = rstd[row];
  A g_sum = 0, gx_sum = 0;
  for (std::int64_t d = lane; d < width; d += warp_width) {
    const A g = widen(dy[d]) * widen(weight[d]);
    g_sum += g;
    gx_sum += g * ((widen(x[d]) - shift) * factor);
  }
  g_sum = warp_sum(g_sum);
  gx_sum = warp_sum(gx_sum);
  const A a = mean ? g_sum / static_cast<A>(width) : A(0), c = gx_sum / static_cast<A>(width);
  for (std::int64_t d = lane; d < width; d += warp_width) {
    const A value = factor * (widen(dy[d]) * widen(weight[d]) - a - (widen(x[d]) - shift) * factor * c);
    dx[d] = round_to<C>(accumulate ? widen(dx[d]) + value : value);
  }
}

template <class C>
struct WeightTerm {
  using A = Accumulator<C>;
  const C *dy, *x;
  const A *mean, *rstd;
  std::int64_t width;
  __device__ A operator()(std::int64_t row, std::int64_t column) const {
    return widen(dy[row * width + column]) * ((widen(x[row * width + column]) - (mean ? mean[row] : A(0))) * rstd[row]);
  }
};

template <class A, class Term>
__global__ void column_terms_kernel(A* out, Term term, std::int64_t rows, std::int64_t columns, bool accumulate) {
  sum_columns(out, rows, columns, accumulate, term);
}

template <class C>
const Accumulator<C>* statistics(const void* x) {
  return static_cast<const Accumulator<C>*>(x);
}

int norm_forward(void* y, void* mean, void* rstd, const void* x, const void* weight, const void* bias, double epsilon, std::int64_t rows,
                 std::int64_t width, ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    using A = Accumulator<C>;
    return launch(forward_kernel<C>, row_blocks(rows), row_threads, 0, stream, static_cast<C*>(y), static_cast<A*>(mean),
                  static_cast<A*>(rstd), static_cast<const C*>(x), static_cast<const C*>(weight), static_cast<const C*>(bias), epsilon,
                  rows, width);
  });
}

int norm_backward_input(void* dx, const void* dy, const void* x, const void* mean, const void* rstd, const void* weight, ErgonWrite write,
                        std::int64_t rows, std::int64_t width, ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    return launch(backward_input_kernel<C>, row_blocks(rows), row_threads, 0, stream, static_cast<C*>(dx), static_cast<const C*>(dy),
                  static_cast<const C*>(x), statistics<C>(mean), statistics<C>(rstd), static_cast<const C*>(weight),
                  write == ERGON_ACCUMULATE, rows, width);
  });
}

template <class C>
struct BiasTerm {
  const C* dy;
  std::int64_t width;
  __device__ Accumulator<C> operator()(std::int64_t row, std::int64_t column) const { return widen(dy[row * width + column]); }
};

int norm_backward_weight(void* dweight, void* dbias, const void* dy, const void* x, const void* mean, const void* rstd, ErgonWrite write,
                         std::int64_t rows, std::int64_t width, ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    using A = Accumulator<C>;
    const bool accumulate = write == ERGON_ACCUMULATE;
    const C* gradient = static_cast<const C*>(dy);
    ERGON_STEP(launch(column_terms_kernel<A, WeightTerm<C>>, column_blocks(width), column_threads, 0, stream, static_cast<A*>(dweight),
                      WeightTerm<C>{gradient, static_cast<const C*>(x), statistics<C>(mean), statistics<C>(rstd), width}, rows, width,
                      accumulate));
    if (!dbias) return 0;
    return launch(column_terms_kernel<A, BiasTerm<C>>, column_blocks(width), column_threads, 0, stream, static_cast<A*>(dbias),
                  BiasTerm<C>{gradient, width}, rows, width, accumulate);
  });
}

}  // namespace

void add_norm(ErgonKernelTable& table) {
  table.norm_forward = norm_forward;
  table.norm_backward_input = norm_backward_input;
  table.norm_backward_weight = norm_backward_weight;
}

}  // namespace ergon::cuda
