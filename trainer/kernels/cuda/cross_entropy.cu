// SPDX-License-Identifier: Apache-2.0
// The local pieces of vocabulary-parallel cross-entropy: trainer/kernels/cross_entropy.hpp. One block a row; sums in a fixed order.
#include "trainer/kernels/cuda/entries.cuh"
#include "trainer/kernels/cuda/launch.cuh"
#include "trainer/kernels/cuda/reduce.cuh"

namespace ergon::cuda {
namespace {

constexpr int row_threads = 256;
constexpr std::int64_t ignored_label = ERGON_IGNORED_LABEL;

template <class A>
__global__ void logits_max_kernel(A* max, const A* logits, std::int64_t columns, std::int64_t real) {
  const A* row = logits + blockIdx.x * columns;
  A most = negative_infinity<A>();
  for (std::int64_t c = threadIdx.x; c < real; c += row_threads) most = Larger()(most, row[c]);
  most = block_join<Larger>(most);
  if (threadIdx.x == 0) max[blockIdx.x] = most;
}

template <class A>
__global__ void logits_sum_kernel(A* sum, A* label, const A* logits, const A* max, const std::int64_t* labels, std::int64_t columns,
                                  std::int64_t first, std::int64_t real) {
  const A* row = logits + blockIdx.x * columns;
  const A shift = max[blockIdx.x];
  A total = 0;
  for (std::int64_t c = threadIdx.x; c < real; c += row_threads) total += std::exp(row[c] - shift);
  total = block_join<Plus>(total);
  if (threadIdx.x != 0) return;
  const std::int64_t wanted = labels[blockIdx.x], column = wanted - first;
  sum[blockIdx.x] = total;
  label[blockIdx.x] = wanted != ignored_label && column >= 0 && column < real ? row[column] : A(0);
}

template <class A>
__global__ void loss_kernel(double* loss, const A* max, const A* sum, const A* label, const std::int64_t* labels, std::int64_t rows) {
  double total = 0.0;
  for (std::int64_t r = threadIdx.x; r < rows; r += row_threads)
    if (labels[r] != ignored_label)
      total += static_cast<double>(max[r]) + std::log(static_cast<double>(sum[r])) - static_cast<double>(label[r]);
  total = block_join<Plus>(total);
  if (threadIdx.x == 0) *loss = total;
}

template <class C>
__global__ void backward_kernel(C* dlogits, const Accumulator<C>* logits, const Accumulator<C>* max, const Accumulator<C>* sum,
                                const std::int64_t* labels, std::int64_t columns, std::int64_t first, std::int64_t real, double scale) {
  using A = Accumulator<C>;
  const A* row = logits + blockIdx.x * columns;
  C* gradient = dlogits + blockIdx.x * columns;
  const bool valid = labels[blockIdx.x] != ignored_label;
  const std::int64_t hit = labels[blockIdx.x] - first;
  const A shift = max[blockIdx.x], factor = static_cast<A>(scale / static_cast<double>(sum[blockIdx.x]));
  for (std::int64_t c = threadIdx.x; c < columns; c += row_threads) {
    A value = 0;
    if (valid && c < real) value = std::exp(row[c] - shift) * factor;
    if (valid && c < real && c == hit) value -= static_cast<A>(scale);
    gradient[c] = round_to<C>(value);
  }
}

int logits_max(void* max, const void* logits, std::int64_t rows, std::int64_t columns, std::int64_t real, ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using A = Accumulator<typename decltype(tag)::Type>;
    return launch(logits_max_kernel<A>, rows, row_threads, 0, stream, static_cast<A*>(max), static_cast<const A*>(logits), columns, real);
  });
}

int logits_sum(void* sum, void* label, const void* logits, const void* max, const std::int64_t* labels, std::int64_t rows,
               std::int64_t columns, std::int64_t first, std::int64_t real, ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using A = Accumulator<typename decltype(tag)::Type>;
    return launch(logits_sum_kernel<A>, rows, row_threads, 0, stream, static_cast<A*>(sum), static_cast<A*>(label),
                  static_cast<const A*>(logits), static_cast<const A*>(max), labels, columns, first, real);
  });
}

int cross_entropy_loss(double* host_loss, const void* max, const void* sum, const void* label, const std::int64_t* labels,
                       std::int64_t rows, ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using A = Accumulator<typename decltype(tag)::Type>;
    const Scratch loss(sizeof(double), stream);
    ERGON_STEP(loss.error());
    ERGON_STEP(launch(loss_kernel<A>, 1, row_threads, 0, stream, loss.as<double>(), static_cast<const A*>(max), static_cast<const A*>(sum),
                      static_cast<const A*>(label), labels, rows));
    return loss.download(host_loss, sizeof(double));
  });
}

int cross_entropy_backward(void* dlogits, const void* logits, const void* max, const void* sum, const std::int64_t* labels,
                           std::int64_t rows, std::int64_t columns, std::int64_t first, std::int64_t real, double scale, ErgonDtype dtype,
                           void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    using A = Accumulator<C>;
    return launch(backward_kernel<C>, rows, row_threads, 0, stream, static_cast<C*>(dlogits), static_cast<const A*>(logits),
                  static_cast<const A*>(max), static_cast<const A*>(sum), labels, columns, first, real, scale);
  });
}

}  // namespace

void add_cross_entropy(ErgonKernelTable& table) {
  table.logits_max = logits_max;
  table.logits_sum = logits_sum;
  table.cross_entropy_loss = cross_entropy_loss;
  table.cross_entropy_backward = cross_entropy_backward;
}

}  // namespace ergon::cuda
