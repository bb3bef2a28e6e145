// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/gemm.hpp"

#include <limits>

#include "trainer/kernels/blas.hpp"
#include "trainer/kernels/vectorised.hpp"

// MKL picks its AVX2 and AVX-512 kernels by asking whether the processor is Intel's, and answers others with a generic path. The function
// is exported, so that this definition, linked into the executable, answers for it. On other processors and BLAS libraries nobody asks.
extern "C" [[gnu::visibility("default"), gnu::used]] int mkl_serv_intel_cpu_true() { return 1; }

namespace ergon {
namespace {

struct Matrix {
  std::int64_t rows, columns;  // after the transpose
  int stride;
  char stored;
};

Matrix matrix(const at::Tensor& x, Transpose transpose, at::ScalarType dtype) {
  constexpr std::int64_t limit = std::numeric_limits<int>::max();
  ERGON_CHECK(x.dim() == 2 && x.scalar_type() == dtype, "a GEMM operand of {} dims and {}", x.dim(), c10::toString(x.scalar_type()));
  ERGON_CHECK(x.size(1) <= 1 || x.stride(1) == 1, "a GEMM operand with strides {}", c10::str(x.strides()));
  const std::int64_t stride = x.size(0) > 1 ? x.stride(0) : std::max<std::int64_t>(1, x.size(1));
  ERGON_CHECK(stride >= std::max<std::int64_t>(1, x.size(1)) && x.size(0) <= limit && stride <= limit,
              "a GEMM operand of {} with strides {}", c10::str(x.sizes()), c10::str(x.strides()));
  if (transpose == Transpose::yes) return {x.size(1), x.size(0), static_cast<int>(stride), 't'};
  return {x.size(0), x.size(1), static_cast<int>(stride), 'n'};
}

}  // namespace

void Gemm::operator()(const at::Tensor& c_MN, const at::Tensor& a, Transpose transpose_a, const at::Tensor& b, Transpose transpose_b,
                      Write write) const {
  const at::ScalarType dtype = c_MN.scalar_type();
  const Matrix left = matrix(a, transpose_a, dtype), right = matrix(b, transpose_b, dtype), out = matrix(c_MN, Transpose::no, dtype);
  ERGON_CHECK(left.columns == right.rows && out.rows == left.rows && out.columns == right.columns, "[{}, {}] = [{}, {}] x [{}, {}]",
              out.rows, out.columns, left.rows, left.columns, right.rows, right.columns);
  if (out.rows == 0 || out.columns == 0) return;
  audit_.gemm(out.rows, out.columns, left.columns);
  dispatch(c_MN, [&](auto zero) {
    using T = decltype(zero);
    blas_gemm(left.stored, right.stored, static_cast<int>(out.rows), static_cast<int>(out.columns), static_cast<int>(left.columns), T(1),
              a.data_ptr<T>(), left.stride, b.data_ptr<T>(), right.stride, write == Write::accumulate ? T(1) : T(0), c_MN.data_ptr<T>(),
              out.stride);
  });
}

}  // namespace ergon
