// SPDX-License-Identifier: Apache-2.0
// Types of the kernels: C, what tensors hold, and its accumulator A, in which all arithmetic is done; a result is rounded to C once.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>

namespace ergon::cuda {

using bfloat16 = __nv_bfloat16;

template <class C>
struct AccumulatorOf {
  using Type = C;
};
template <>
struct AccumulatorOf<bfloat16> {
  using Type = float;
};
template <class C>
using Accumulator = typename AccumulatorOf<C>::Type;

__device__ inline float widen(float x) { return x; }
__device__ inline double widen(double x) { return x; }
__device__ inline float widen(bfloat16 x) { return __bfloat162float(x); }

template <class C>
struct RoundTo {
  __device__ static C from(Accumulator<C> x) { return x; }
};
template <>
struct RoundTo<bfloat16> {
  __device__ static bfloat16 from(float x) { return __float2bfloat16(x); }
};
template <class C>
__device__ inline C round_to(Accumulator<C> x) {
  return RoundTo<C>::from(x);
}

template <class A>
__device__ inline A negative_infinity() {
  return static_cast<A>(-INFINITY);
}
template <class A>
__device__ inline A not_a_number() {
  return static_cast<A>(NAN);
}

template <class A>
__device__ inline A logistic(A x) {
  return A(1) / (A(1) + std::exp(-x));
}

}  // namespace ergon::cuda
