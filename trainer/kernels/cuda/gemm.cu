// SPDX-License-Identifier: Apache-2.0
// Matrix products by cuBLAS: strict fp32 (no TF32), fp64, and bfloat16 with fp32 accumulation. Called by the GEMM door alone
// (trainer/kernels/gemm.hpp), which counts.
#include <cublas_v2.h>

#include "trainer/kernels/cuda/entries.cuh"
#include "trainer/kernels/cuda/launch.cuh"

namespace ergon::cuda {
namespace {

int code(cublasStatus_t status) { return status == CUBLAS_STATUS_SUCCESS ? 0 : blas_errors + static_cast<int>(status); }

struct Types {
  cudaDataType_t ab, c;
  cublasComputeType_t compute;
  std::size_t c_size;
};

int types_of(const ErgonGemm& call, Types& types) {
  if (call.ab_dtype == ERGON_FLOAT32 && call.c_dtype == ERGON_FLOAT32) {
    types = {CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, 4};
  } else if (call.ab_dtype == ERGON_FLOAT64 && call.c_dtype == ERGON_FLOAT64) {
    types = {CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F, 8};
  } else if (call.ab_dtype == ERGON_BFLOAT16 && call.c_dtype == ERGON_BFLOAT16) {
    types = {CUDA_R_16BF, CUDA_R_16BF, CUBLAS_COMPUTE_32F, 2};
  } else if (call.ab_dtype == ERGON_BFLOAT16 && call.c_dtype == ERGON_FLOAT32) {
    types = {CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F, 4};
  } else {
    return bad_dtype;
  }
  return 0;
}

int blas_create(void** result) {
  cublasHandle_t handle = nullptr;
  ERGON_STEP(code(cublasCreate(&handle)));
  *result = handle;
  // Full precision in every sum, the parts of a split product included.
  return code(cublasSetMathMode(handle, static_cast<cublasMath_t>(CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION)));
}

int blas_destroy(void* blas) { return code(cublasDestroy(static_cast<cublasHandle_t>(blas))); }

int gemm(void* blas, const ErgonGemm* call, void* stream) {
  constexpr std::int64_t limit = 0x7fffffff;
  const ErgonGemm& g = *call;
  if (g.m < 0 || g.n < 0 || g.k < 0 || g.m > limit || g.n > limit || g.k > limit || g.a_stride > limit || g.b_stride > limit ||
      g.c_stride > limit)
    return bad_size;
  Types types{};
  ERGON_STEP(types_of(g, types));
  if (g.m == 0 || g.n == 0) return 0;
  if (g.k == 0) {  // an empty sum
    if (g.write == ERGON_ACCUMULATE) return 0;
    return cuda::code(cudaMemset2DAsync(g.c, static_cast<std::size_t>(g.c_stride) * types.c_size, 0,
                                        static_cast<std::size_t>(g.n) * types.c_size, static_cast<std::size_t>(g.m), stream_of(stream)));
  }
  const auto handle = static_cast<cublasHandle_t>(blas);
  ERGON_STEP(code(cublasSetStream(handle, stream_of(stream))));
  const double one = 1.0, beta = g.write == ERGON_ACCUMULATE ? 1.0 : 0.0;
  const float one_f = 1.0f, beta_f = static_cast<float>(beta);
  const bool wide = types.compute == CUBLAS_COMPUTE_64F;
  const void *alpha_at = wide ? static_cast<const void*>(&one) : &one_f, *beta_at = wide ? static_cast<const void*>(&beta) : &beta_f;
  // Row-major c = op(a) op(b) is column-major c' = op(b)' op(a)': the operands change places, their transposes stay.
  return code(cublasGemmEx(handle, g.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N, g.a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
                           static_cast<int>(g.n), static_cast<int>(g.m), static_cast<int>(g.k), alpha_at, g.b, types.ab,
                           static_cast<int>(g.b_stride), g.a, types.ab, static_cast<int>(g.a_stride), beta_at, g.c, types.c,
                           static_cast<int>(g.c_stride), types.compute, CUBLAS_GEMM_DEFAULT));
}

}  // namespace

void add_gemm(ErgonKernelTable& table) {
  table.blas_create = blas_create;
  table.blas_destroy = blas_destroy;
  table.gemm = gemm;
}

}  // namespace ergon::cuda
