// SPDX-License-Identifier: Apache-2.0
#include "tests/trainer/kernels/cuda/emulation/cublas_v2.h"
#include "tests/trainer/kernels/cuda/emulation/cuda_bf16.h"
#include "tests/trainer/kernels/cuda/emulation/machine.hpp"

namespace {

double read(const void* x, cudaDataType_t type, std::int64_t i) {
  if (type == CUDA_R_64F) return static_cast<const double*>(x)[i];
  if (type == CUDA_R_32F) return static_cast<double>(static_cast<const float*>(x)[i]);
  return static_cast<double>(__bfloat162float(static_cast<const __nv_bfloat16*>(x)[i]));
}

void write(void* x, cudaDataType_t type, std::int64_t i, double value) {
  if (type == CUDA_R_64F)
    static_cast<double*>(x)[i] = value;
  else if (type == CUDA_R_32F)
    static_cast<float*>(x)[i] = static_cast<float>(value);
  else
    static_cast<__nv_bfloat16*>(x)[i] = __double2bfloat16(value);
}

}  // namespace

cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  if (emulation::planned_error() != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
  void* memory = nullptr;
  emulation::allocate(&memory, 1);
  *handle = static_cast<cublasHandle_t>(memory);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle) {
  emulation::release(handle);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t, cudaStream_t) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasSetMathMode(cublasHandle_t, cublasMath_t) { return CUBLAS_STATUS_SUCCESS; }
const char* cublasGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_NOT_INITIALIZED ? "the cuBLAS library was not initialized" : "an invalid argument was passed to cuBLAS";
}

// c = alpha op(a) op(b) + beta c, column-major. alpha and beta have the type of `compute`; a beta of 0 does not read c.
cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t a_operation, cublasOperation_t b_operation, int m, int n, int k,
                            const void* alpha, const void* a, cudaDataType_t a_type, int lda, const void* b, cudaDataType_t b_type, int ldb,
                            const void* beta, void* c, cudaDataType_t c_type, int ldc, cublasComputeType_t compute, cublasGemmAlgo_t) {
  if (!handle || m <= 0 || n <= 0 || k <= 0) return CUBLAS_STATUS_INVALID_VALUE;
  if (lda < (a_operation == CUBLAS_OP_N ? m : k) || ldb < (b_operation == CUBLAS_OP_N ? k : n) || ldc < m)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (a_type != b_type || (compute == CUBLAS_COMPUTE_64F) != (a_type == CUDA_R_64F) || (c_type == CUDA_R_64F) != (a_type == CUDA_R_64F))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  const cudaDataType_t scalar = compute == CUBLAS_COMPUTE_64F ? CUDA_R_64F : CUDA_R_32F;
  const double by = read(alpha, scalar, 0), keep = read(beta, scalar, 0);
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t i = 0; i < m; ++i) {
      double sum = 0.0;
      for (std::int64_t p = 0; p < k; ++p)
        sum += read(a, a_type, a_operation == CUBLAS_OP_N ? i + p * lda : p + i * lda) *
               read(b, b_type, b_operation == CUBLAS_OP_N ? p + j * ldb : j + p * ldb);
      const std::int64_t at = i + j * ldc;
      write(c, c_type, at, by * sum + (keep != 0.0 ? keep * read(c, c_type, at) : 0.0));
    }
  return CUBLAS_STATUS_SUCCESS;
}
