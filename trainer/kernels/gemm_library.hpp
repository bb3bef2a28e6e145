// SPDX-License-Identifier: Apache-2.0
// A library that multiplies matrices on the CPU, behind the one GEMM door: only gemm.cpp and the libraries' own files know what is called.
//
// Operands are row-major: op(a) is [m, k], op(b) [k, n], c [m, n]; a transposed operand is stored [k, m] or [n, k]. Strides are those of
// the stored rows, in elements. c = op(a) op(b) + beta c.
#pragma once

#include <c10/util/BFloat16.h>

#include <string>

namespace ergon {

struct GemmCall {
  bool a_transposed, b_transposed;
  int m, n, k;
  int a_stride, b_stride, c_stride;
};

class GemmLibrary {
 public:
  virtual ~GemmLibrary() = default;

  virtual std::string name() const = 0;
  virtual void multiply(const GemmCall& call, const float* a, const float* b, float beta, float* c) const = 0;
  virtual void multiply(const GemmCall& call, const double* a, const double* b, double beta, double* c) const = 0;

  // Whether the library multiplies bfloat16 with the processor's own instructions, summing in fp32. Only then may the call below be made.
  virtual bool native_bfloat16() const = 0;
  virtual void multiply(const GemmCall& call, const c10::BFloat16* a, const c10::BFloat16* b, float beta, float* c) const = 0;
};

// LibTorch's own BLAS (MKL on x86): always there.
const GemmLibrary& torch_gemm_library();

}  // namespace ergon
