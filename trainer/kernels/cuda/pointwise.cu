// SPDX-License-Identifier: Apache-2.0
// Elementwise helpers and whole-tensor sums: trainer/kernels/pointwise.hpp. A squared sum has two levels, each in a fixed order: blocks of
// 65536 elements, then the blocks.
#include "trainer/kernels/cuda/entries.cuh"
#include "trainer/kernels/cuda/launch.cuh"
#include "trainer/kernels/cuda/reduce.cuh"

namespace ergon::cuda {
namespace {

template <class C>
struct Add {
  C* y;
  const C *a, *b;
  __device__ void operator()(std::int64_t i) const { y[i] = round_to<C>(widen(a[i]) + widen(b[i])); }
};

template <class C>
struct AddBias {
  C* x;
  const C* bias;
  std::int64_t width;
  __device__ void operator()(std::int64_t i) const { x[i] = round_to<C>(widen(x[i]) + widen(bias[i % width])); }
};

template <class C>
struct Scale {
  C* x;
  Accumulator<C> factor;
  __device__ void operator()(std::int64_t i) const { x[i] = round_to<C>(widen(x[i]) * factor); }
};

// Every writer writes the same value, so their order does not matter.
template <class C>
struct FindNonFinite {
  int* found;
  const C* x;
  __device__ void operator()(std::int64_t i) const {
    if (!isfinite(widen(x[i]))) *found = 1;
  }
};

constexpr int sum_threads = 256;
constexpr std::int64_t sum_block = 65536;  // as on the host: part of what makes sums reproducible

template <class C>
__global__ void squares_kernel(double* partial, const C* x, std::int64_t elements) {
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * sum_block,
                     end = begin + sum_block < elements ? begin + sum_block : elements;
  double sum = 0.0;
  for (std::int64_t i = begin + threadIdx.x; i < end; i += sum_threads)
    sum += static_cast<double>(widen(x[i])) * static_cast<double>(widen(x[i]));
  sum = block_join<Plus>(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// partial[0] = the sum of all.
__global__ void total_kernel(double* partial, std::int64_t count) {
  double sum = 0.0;
  for (std::int64_t i = threadIdx.x; i < count; i += sum_threads) sum += partial[i];
  sum = block_join<Plus>(sum);
  if (threadIdx.x == 0) partial[0] = sum;
}

int add(void* y, const void* a, const void* b, std::int64_t elements, ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    return for_each(elements, stream, Add<C>{static_cast<C*>(y), static_cast<const C*>(a), static_cast<const C*>(b)});
  });
}

int add_bias(void* x, const void* bias, std::int64_t rows, std::int64_t width, ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    return for_each(rows * width, stream, AddBias<C>{static_cast<C*>(x), static_cast<const C*>(bias), width});
  });
}

int scale(void* x, double factor, std::int64_t elements, ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    return for_each(elements, stream, Scale<C>{static_cast<C*>(x), static_cast<Accumulator<C>>(factor)});
  });
}

int squared_sum(double* host_sum, const void* x, std::int64_t elements, ErgonDtype dtype, void* stream) {
  const std::int64_t blocks = (elements + sum_block - 1) / sum_block;
  *host_sum = 0.0;
  if (blocks == 0) return 0;
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    const Scratch partial(static_cast<std::size_t>(blocks) * sizeof(double), stream);
    ERGON_STEP(partial.error());
    ERGON_STEP(
        launch(squares_kernel<C>, blocks, sum_threads, 0, stream, partial.template as<double>(), static_cast<const C*>(x), elements));
    ERGON_STEP(launch(total_kernel, 1, sum_threads, 0, stream, partial.template as<double>(), blocks));
    return partial.download(host_sum, sizeof(double));
  });
}

int all_finite(int* host_verdict, const void* x, std::int64_t elements, ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    const Scratch found(sizeof(int), stream);
    ERGON_STEP(found.error());
    ERGON_STEP(code(cudaMemsetAsync(found.template as<int>(), 0, sizeof(int), stream_of(stream))));
    ERGON_STEP(for_each(elements, stream, FindNonFinite<C>{found.template as<int>(), static_cast<const C*>(x)}));
    int seen = 0;
    ERGON_STEP(found.download(&seen, sizeof(int)));
    *host_verdict = seen == 0;
    return 0;
  });
}

}  // namespace

void add_pointwise(ErgonKernelTable& table) {
  table.add = add;
  table.add_bias = add_bias;
  table.scale = scale;
  table.squared_sum = squared_sum;
  table.all_finite = all_finite;
}

}  // namespace ergon::cuda
