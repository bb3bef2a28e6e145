// SPDX-License-Identifier: Apache-2.0
// Vocabulary-parallel embedding and learned positions: trainer/kernels/embedding.hpp.
//
// Backward has one block a token. The block of the first token with a given row adds all rows of dy with that token, in token order, so
// each row of the table has one writer and one order; the others stop after the search. The search reads N tokens a block: N^2 / 256
// integer comparisons a thread in all, nothing that grows with the vocabulary.
#include "trainer/kernels/cuda/entries.cuh"
#include "trainer/kernels/cuda/launch.cuh"

namespace ergon::cuda {
namespace {

template <class C>
struct Lookup {
  C* y;
  const std::int64_t* tokens;
  const C* table;
  std::int64_t width, first, real;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t row = tokens[i / width] - first;
    y[i] = row >= 0 && row < real ? table[row * width + i % width] : round_to<C>(0);
  }
};

template <class C>
struct AddPosition {
  C* y;
  const std::int64_t* positions;
  const C* table;
  std::int64_t width, limit;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t position = positions[i / width];
    const bool inside = position >= 0 && position < limit;
    y[i] = round_to<C>(inside ? widen(y[i]) + widen(table[position * width + i % width]) : not_a_number<Accumulator<C>>());
  }
};

constexpr int scatter_threads = 256;

// Whether a token before `mine` is the same: asked of all threads of the block together.
__device__ bool seen_before(const std::int64_t* tokens, std::int64_t mine) {
  int seen = 0;
  for (std::int64_t n = threadIdx.x; n < mine; n += scatter_threads) seen |= tokens[n] == tokens[mine];
  return __syncthreads_or(seen) != 0;
}

template <class C>
__global__ void scatter_kernel(Accumulator<C>* dtable, const C* dy, const std::int64_t* tokens, std::int64_t count, std::int64_t width,
                               std::int64_t first, std::int64_t real) {
  __shared__ bool same[scatter_threads];
  const std::int64_t mine = blockIdx.x, row = tokens[mine] - first;
  if (row < 0 || row >= real || seen_before(tokens, mine)) return;
  for (std::int64_t n0 = mine; n0 < count; n0 += scatter_threads) {
    const std::int64_t n = n0 + threadIdx.x;
    same[threadIdx.x] = n < count && tokens[n] == tokens[mine];
    __syncthreads();
    for (std::int64_t d = threadIdx.x; d < width; d += scatter_threads) {
      Accumulator<C> sum = dtable[row * width + d];
      for (int i = 0; i < scatter_threads; ++i)
        if (same[i]) sum += widen(dy[(n0 + i) * width + d]);
      dtable[row * width + d] = sum;
    }
    __syncthreads();
  }
}

int embedding_forward(void* y, const std::int64_t* tokens, const void* table, std::int64_t count, std::int64_t width, std::int64_t first,
                      std::int64_t real, ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    return for_each(count * width, stream, Lookup<C>{static_cast<C*>(y), tokens, static_cast<const C*>(table), width, first, real});
  });
}

int embedding_backward(void* dtable, const void* dy, const std::int64_t* tokens, std::int64_t count, std::int64_t width,
                       std::int64_t table_rows, std::int64_t first, std::int64_t real, ErgonWrite write, ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    using A = Accumulator<C>;
    if (write == ERGON_OVERWRITE && table_rows * width > 0)
      ERGON_STEP(code(cudaMemsetAsync(dtable, 0, static_cast<std::size_t>(table_rows * width) * sizeof(A), stream_of(stream))));
    return launch(scatter_kernel<C>, count, scatter_threads, 0, stream, static_cast<A*>(dtable), static_cast<const C*>(dy), tokens, count,
                  width, first, real);
  });
}

int positions_add(void* y, const std::int64_t* positions, const void* table, std::int64_t count, std::int64_t width, std::int64_t limit,
                  ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    return for_each(count * width, stream, AddPosition<C>{static_cast<C*>(y), positions, static_cast<const C*>(table), width, limit});
  });
}

}  // namespace

void add_embedding(ErgonKernelTable& table) {
  table.embedding_forward = embedding_forward;
  table.embedding_backward = embedding_backward;
  table.positions_add = positions_add;
}

}  // namespace ergon::cuda
