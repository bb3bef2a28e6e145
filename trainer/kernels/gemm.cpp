// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/gemm.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <limits>

#include "configs/error.hpp"
#include "trainer/kernels/bfloat16.hpp"
#include "trainer/kernels/device.hpp"

namespace ergon {

// A matrix as it is stored, and its size after the transpose.
struct Gemm::Operand {
  Operand(const at::Tensor& x, Transpose transpose) : x(x), transposed(transpose == Transpose::yes) {
    constexpr std::int64_t limit = std::numeric_limits<int>::max();
    ERGON_CHECK(x.dim() == 2, "a GEMM operand of {} dims", x.dim());
    ERGON_CHECK(x.size(1) <= 1 || x.stride(1) == 1 || x.numel() == 0, "a GEMM operand with strides {}", c10::str(x.strides()));
    const std::int64_t row = x.size(0) > 1 && x.numel() > 0 ? x.stride(0) : std::max<std::int64_t>(1, x.size(1));
    ERGON_CHECK(row >= std::max<std::int64_t>(1, x.size(1)) && x.size(0) <= limit && row <= limit, "a GEMM operand of {} with strides {}",
                c10::str(x.sizes()), c10::str(x.strides()));
    stride = static_cast<int>(row);
    rows = x.size(transposed ? 1 : 0);
    columns = x.size(transposed ? 0 : 1);
  }
  std::int64_t stored_rows() const { return x.size(0); }
  std::int64_t stored_columns() const { return x.size(1); }

  const at::Tensor& x;
  bool transposed;
  std::int64_t rows, columns;
  int stride;
};

namespace {

bool types_fit(at::ScalarType c, at::ScalarType a, at::ScalarType b) {
  if (a != b) return false;
  return a == at::kBFloat16 ? c == at::kBFloat16 || c == at::kFloat : c == a && (a == at::kFloat || a == at::kDouble);
}

}  // namespace

GemmCall Gemm::call_of(const Operand& a, const Operand& b, int c_stride) {
  return {a.transposed, b.transposed, static_cast<int>(a.rows), static_cast<int>(b.columns), static_cast<int>(a.columns), a.stride,
          b.stride,     c_stride};
}

float* Gemm::copy(Copy which, std::int64_t elements) const {
  at::Tensor& buffer = copies_[which];
  if (!buffer.defined() || buffer.numel() < elements) buffer = at::empty({elements}, at::kFloat);
  return buffer.data_ptr<float>();
}

void Gemm::multiply_into(float* c, int c_stride, const Operand& a, const Operand& b, float beta) const {
  GemmCall call = call_of(a, b, c_stride);
  const auto *x = a.x.data_ptr<c10::BFloat16>(), *y = b.x.data_ptr<c10::BFloat16>();
  if (library_->native_bfloat16()) return library_->multiply(call, x, y, beta, c);
  float *wide_a = copy(left, a.x.numel()), *wide_b = copy(right, b.x.numel());
  call.a_stride = static_cast<int>(std::max<std::int64_t>(1, a.stored_columns()));
  call.b_stride = static_cast<int>(std::max<std::int64_t>(1, b.stored_columns()));
  widen_rows(wide_a, call.a_stride, x, a.stride, a.stored_rows(), a.stored_columns());
  widen_rows(wide_b, call.b_stride, y, b.stride, b.stored_rows(), b.stored_columns());
  library_->multiply(call, wide_a, wide_b, beta, c);
}

void Gemm::multiply_bfloat16(const Operand& c, const Operand& a, const Operand& b, float beta) const {
  if (c.x.scalar_type() == at::kFloat) return multiply_into(c.x.data_ptr<float>(), c.stride, a, b, beta);
  auto* out = c.x.data_ptr<c10::BFloat16>();
  const GemmCall call = call_of(a, b, c.stride);
  if (beta == 0 && library_->native_bfloat16() &&
      library_->multiply_rounded(call, a.x.data_ptr<c10::BFloat16>(), b.x.data_ptr<c10::BFloat16>(), out))
    return;
  float* wide = copy(result, c.rows * c.columns);
  if (beta != 0) widen_rows(wide, c.columns, out, c.stride, c.rows, c.columns);
  multiply_into(wide, static_cast<int>(c.columns), a, b, beta);
  round_rows(out, c.stride, wide, c.columns, c.rows, c.columns);
}

void Gemm::operator()(const at::Tensor& c_MN, const at::Tensor& a, Transpose transpose_a, const at::Tensor& b, Transpose transpose_b,
                      Write write) const {
  const Operand left(a, transpose_a), right(b, transpose_b), out(c_MN, Transpose::no);
  ERGON_CHECK(types_fit(c_MN.scalar_type(), a.scalar_type(), b.scalar_type()), "a GEMM of {} and {} into {}",
              c10::toString(a.scalar_type()), c10::toString(b.scalar_type()), c10::toString(c_MN.scalar_type()));
  ERGON_CHECK(left.columns == right.rows && out.rows == left.rows && out.columns == right.columns, "[{}, {}] = [{}, {}] x [{}, {}]",
              out.rows, out.columns, left.rows, left.columns, right.rows, right.columns);
  if (out.rows == 0 || out.columns == 0) return;
  audit_.gemm(out.rows, out.columns, left.columns);
  if (const DeviceKernels* device = device_kernels(c_MN)) return device->gemm(c_MN, a, transpose_a, b, transpose_b, write);
  const GemmCall call = call_of(left, right, out.stride);
  const float beta = write == Write::accumulate ? 1 : 0;
  if (a.scalar_type() == at::kBFloat16) return multiply_bfloat16(out, left, right, beta);
  if (a.scalar_type() == at::kFloat)
    return library_->multiply(call, a.data_ptr<float>(), b.data_ptr<float>(), beta, c_MN.data_ptr<float>());
  library_->multiply(call, a.data_ptr<double>(), b.data_ptr<double>(), beta, c_MN.data_ptr<double>());
}

}  // namespace ergon
