// SPDX-License-Identifier: Apache-2.0
// GELU and SwiGLU with the bias before them, and column sums: trainer/kernels/activation.hpp.
#include "trainer/kernels/cuda/entries.cuh"
#include "trainer/kernels/cuda/launch.cuh"
#include "trainer/kernels/cuda/reduce.cuh"

namespace ergon::cuda {
namespace {

template <class A>
__device__ A gelu_gate(A z) {
  return logistic(A(1.5957691216057308L) * (z + A(0.044715L) * z * z * z));  // 2 sqrt(2/pi)
}
template <class A>
__device__ A gelu_slope(A z) {
  const A s = gelu_gate(z);
  return s + z * s * (A(1) - s) * A(1.5957691216057308L) * (A(1) + A(3) * A(0.044715L) * z * z);
}

// x + bias in A.
template <class C>
__device__ Accumulator<C> biased(const C* x, const C* bias, std::int64_t element, std::int64_t column) {
  return bias ? widen(x[element]) + widen(bias[column]) : widen(x[element]);
}

template <class C>
struct GeluForward {
  C* y;
  const C *x, *bias;
  std::int64_t width;
  __device__ void operator()(std::int64_t i) const {
    const auto z = biased(x, bias, i, i % width);
    y[i] = round_to<C>(z * gelu_gate(z));
  }
};

template <class C>
struct GeluBackward {
  C* dx;
  const C *dy, *x, *bias;
  std::int64_t width;
  __device__ void operator()(std::int64_t i) const { dx[i] = round_to<C>(widen(dy[i]) * gelu_slope(biased(x, bias, i, i % width))); }
};

// Element i of [rows, width] has its gate and its up at these places of [rows, 2 width].
struct Packed {
  std::int64_t gate, up, column;
  __device__ Packed(std::int64_t i, std::int64_t width) : gate(i + i / width * width), up(gate + width), column(i % width) {}
};

template <class C>
struct SwigluForward {
  C* y;
  const C *x, *bias;
  std::int64_t width;
  __device__ void operator()(std::int64_t i) const {
    const Packed at(i, width);
    const auto gate = biased(x, bias, at.gate, at.column), up = biased(x, bias, at.up, width + at.column);
    y[i] = round_to<C>(gate * logistic(gate) * up);
  }
};

template <class C>
struct SwigluBackward {
  C* dx;
  const C *dy, *x, *bias;
  std::int64_t width;
  __device__ void operator()(std::int64_t i) const {
    using A = Accumulator<C>;
    const Packed at(i, width);
    const A gate = biased(x, bias, at.gate, at.column), up = biased(x, bias, at.up, width + at.column), s = logistic(gate),
            d = widen(dy[i]);
    dx[at.gate] = round_to<C>(d * up * s * (A(1) + gate * (A(1) - s)));
    dx[at.up] = round_to<C>(d * gate * s);
  }
};

template <class C>
struct Element {
  const C* x;
  std::int64_t columns;
  __device__ Accumulator<C> operator()(std::int64_t row, std::int64_t column) const { return widen(x[row * columns + column]); }
};

template <class C>
__global__ void column_sum_kernel(Accumulator<C>* sum, const C* x, std::int64_t rows, std::int64_t columns, bool accumulate) {
  sum_columns(sum, rows, columns, accumulate, Element<C>{x, columns});
}

// An entry of forward shape (y, x, bias) and one of backward shape (dx, dy, x, bias).
template <template <class> class Body>
int forward(void* y, const void* x, const void* bias, std::int64_t rows, std::int64_t width, ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    return for_each(rows * width, stream, Body<C>{static_cast<C*>(y), static_cast<const C*>(x), static_cast<const C*>(bias), width});
  });
}
template <template <class> class Body>
int backward(void* dx, const void* dy, const void* x, const void* bias, std::int64_t rows, std::int64_t width, ErgonDtype dtype,
             void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    return for_each(rows * width, stream,
                    Body<C>{static_cast<C*>(dx), static_cast<const C*>(dy), static_cast<const C*>(x), static_cast<const C*>(bias), width});
  });
}

int column_sum(void* sum, const void* x, ErgonWrite write, std::int64_t rows, std::int64_t columns, ErgonDtype dtype, void* stream) {
  return by_dtype(dtype, [&](auto tag) {
    using C = typename decltype(tag)::Type;
    return launch(column_sum_kernel<C>, column_blocks(columns), column_threads, 0, stream, static_cast<Accumulator<C>*>(sum),
                  static_cast<const C*>(x), rows, columns, write == ERGON_ACCUMULATE);
  });
}

}  // namespace

void add_activation(ErgonKernelTable& table) {
  table.gelu_forward = forward<GeluForward>;
  table.gelu_backward = backward<GeluBackward>;
  table.swiglu_forward = forward<SwigluForward>;
  table.swiglu_backward = backward<SwigluBackward>;
  table.column_sum = column_sum;
}

}  // namespace ergon::cuda
