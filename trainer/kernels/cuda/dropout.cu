// SPDX-License-Identifier: Apache-2.0
// Dropout by the element's index in the global tensor: trainer/kernels/dropout.hpp.
#include "trainer/kernels/cuda/entries.cuh"
#include "trainer/kernels/cuda/launch.cuh"
#include "trainer/kernels/cuda/philox.cuh"

namespace ergon::cuda {
namespace {

template <class C>
struct Drop {
  C* y;
  const C *residual, *x, *bias;
  const std::int64_t* positions;  // null: nothing is dropped
  ErgonDropout plan;
  std::int64_t first_sample, sequence, length, width;

  __device__ void operator()(std::int64_t i) const {
    const std::int64_t row = i / width, column = i % width;
    Accumulator<C> value = bias ? widen(x[i]) + widen(bias[column]) : widen(x[i]);
    if (positions) {
      const std::int64_t index = ((first_sample + row / length) * sequence + positions[row]) * width + column;
      value *= dropout_factor<Accumulator<C>>(plan, static_cast<std::uint64_t>(index));
    }
    y[i] = round_to<C>(residual ? widen(residual[i]) + value : value);
  }
};

int dropout(void* y, const void* residual, const void* x, const void* bias, const std::int64_t* positions, const ErgonDropout* plan,
            std::int64_t first_sample, std::int64_t sequence, std::int64_t batch, std::int64_t length, std::int64_t width, ErgonDtype dtype,
            void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    return for_each(batch * length * width, stream,
                    Drop<C>{static_cast<C*>(y), static_cast<const C*>(residual), static_cast<const C*>(x), static_cast<const C*>(bias),
                            plan->threshold > 0 ? positions : nullptr, *plan, first_sample, sequence, length, width});
  });
}

}  // namespace

void add_dropout(ErgonKernelTable& table) { table.dropout = dropout; }

}  // namespace ergon::cuda
