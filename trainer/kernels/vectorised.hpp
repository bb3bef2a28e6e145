// SPDX-License-Identifier: Apache-2.0
// How the CPU kernels run: on every thread of ATen's pool, in the widest vectors the processor has, for every dtype, from one source.
//
//   dispatch(x, [&](auto zero) { using T = decltype(zero); ... });             // T = float or double by the tensor's dtype
//   dispatch_compute(x, [&](auto zero) { using C = decltype(zero); ... });     // C = float, double or bfloat16; arithmetic in
//   precision.hpp for_rows(rows, work_per_row, [&](std::int64_t begin, std::int64_t end) {   // begin..end on one thread
//     for (...) {
//   #pragma omp simd
//       for (...) ...
//
// The body is compiled once for each instruction set (everything it calls inline is inlined into that copy) and chosen at run time: one
// portable binary. Bodies must be plain loops: what is not inlined runs in the baseline instruction set.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>

#include "configs/error.hpp"
#include "trainer/kernels/precision.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace ergon {

#if defined(__x86_64__) && defined(__GNUC__)
template <class Body>
[[gnu::flatten, gnu::noinline, gnu::target("arch=x86-64-v4,prefer-vector-width=512")]] void run_avx512(const Body& body) {
  body();
}
template <class Body>
[[gnu::flatten, gnu::noinline, gnu::target("arch=x86-64-v3")]] void run_avx2(const Body& body) {
  body();
}
enum class Isa { baseline, avx2, avx512 };
inline Isa detect_isa() {
  return __builtin_cpu_supports("x86-64-v4") ? Isa::avx512 : __builtin_cpu_supports("x86-64-v3") ? Isa::avx2 : Isa::baseline;
}
// A bit of cpuid leaf 7. Asked once each: cpuid leaves a virtual machine, which takes as long as a small product.
struct CpuidLeaf7 {
  unsigned a = 0, b = 0, c = 0, d = 0;
  explicit CpuidLeaf7(unsigned subleaf) { __get_cpuid_count(7, subleaf, &a, &b, &c, &d); }
};
// AVX512_BF16: products of bfloat16 summed in fp32.
inline bool processor_has_bfloat16() {
  static const bool has = detect_isa() == Isa::avx512 && (CpuidLeaf7(1).a & (1u << 5)) != 0;
  return has;
}
// AMX-BF16: the same on tiles.
inline bool processor_has_bfloat16_tiles() {
  static const bool has = (CpuidLeaf7(0).d & (1u << 22)) != 0;
  return has;
}
inline bool processor_is_intel() { return __builtin_cpu_is("intel"); }
template <class Body>
void vectorised(const Body& body) {
  static const Isa isa = detect_isa();
  if (isa == Isa::avx512) return run_avx512(body);
  if (isa == Isa::avx2) return run_avx2(body);
  body();
}
#else
inline bool processor_has_bfloat16() { return false; }
inline bool processor_has_bfloat16_tiles() { return false; }
inline bool processor_is_intel() { return false; }
template <class Body>
void vectorised(const Body& body) {
  body();
}
#endif

// work_per_row: elements touched a row; below about 16K elements a second thread costs more than it brings.
template <class Body>
void for_rows(std::int64_t rows, std::int64_t work_per_row, const Body& body) {
  const std::int64_t grain = std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, work_per_row));
  at::parallel_for(0, rows, grain, [&](std::int64_t begin, std::int64_t end) { vectorised([&] { body(begin, end); }); });
}

template <class Body>
void dispatch(const at::Tensor& x, const Body& body) {
  if (x.scalar_type() == at::kFloat) return body(float{});
  ERGON_CHECK(x.scalar_type() == at::kDouble, "kernels take float and double, not {}", c10::toString(x.scalar_type()));
  body(double{});
}

template <class Body>
void dispatch_compute(const at::Tensor& x, const Body& body) {
  if (x.scalar_type() == at::kBFloat16) return body(bfloat16{});
  dispatch(x, body);
}

// Checked access to a contiguous tensor of T with `elements` elements.
template <class T>
T* data(const at::Tensor& x, std::int64_t elements) {
  ERGON_CHECK(x.is_contiguous() && x.numel() == elements, "a kernel wants {} contiguous elements, got {} (strides {})", elements,
              c10::str(x.sizes()), c10::str(x.strides()));
  return x.data_ptr<T>();
}

}  // namespace ergon
