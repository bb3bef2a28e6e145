// SPDX-License-Identifier: Apache-2.0
// The BLAS routine of LibTorch, called without ATen's dispatch. Only the GEMM door and the attention kernels, which count what they
// execute, may include this.
#pragma once

extern "C" {
void sgemm_(const char* transpose_a, const char* transpose_b, const int* m, const int* n, const int* k, const float* alpha, const float* a,
            const int* lda, const float* b, const int* ldb, const float* beta, float* c, const int* ldc);
void dgemm_(const char* transpose_a, const char* transpose_b, const int* m, const int* n, const int* k, const double* alpha,
            const double* a, const int* lda, const double* b, const int* ldb, const double* beta, double* c, const int* ldc);
}

namespace ergon {

// Row-major c[m, n] = alpha op(a) op(b) + beta c with row strides; 't' means stored transposed. Column-major BLAS sees the transposes,
// hence the swap.
inline void blas_gemm(char a_stored, char b_stored, int m, int n, int k, float alpha, const float* a, int a_stride, const float* b,
                      int b_stride, float beta, float* c, int c_stride) {
  sgemm_(&b_stored, &a_stored, &n, &m, &k, &alpha, b, &b_stride, a, &a_stride, &beta, c, &c_stride);
}
inline void blas_gemm(char a_stored, char b_stored, int m, int n, int k, double alpha, const double* a, int a_stride, const double* b,
                      int b_stride, double beta, double* c, int c_stride) {
  dgemm_(&b_stored, &a_stored, &n, &m, &k, &alpha, b, &b_stride, a, &a_stride, &beta, c, &c_stride);
}

}  // namespace ergon
