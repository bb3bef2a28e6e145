// SPDX-License-Identifier: Apache-2.0
// A library that multiplies matrices on the CPU, behind the one GEMM door: only gemm.cpp and the libraries' own files know what is called.
//
// Operands are row-major: op(a) is [m, k], op(b) [k, n], c [m, n]; a transposed operand is stored [k, m] or [n, k]. Strides are those of
// the stored rows, in elements. c = op(a) op(b) + beta c.
#pragma once

#include <c10/util/BFloat16.h>

#include <string>
#include <vector>

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

  // Whether the library multiplies bfloat16 with the processor's own instructions, summing in fp32. Only then may the calls below be made.
  virtual bool native_bfloat16() const = 0;
  virtual void multiply(const GemmCall& call, const c10::BFloat16* a, const c10::BFloat16* b, float beta, float* c) const = 0;
  // The same with beta = 0 and the fp32 sums rounded once, as the library's own act; false, and c untouched, where it has none.
  virtual bool multiply_rounded(const GemmCall& call, const c10::BFloat16* a, const c10::BFloat16* b, c10::BFloat16* c) const = 0;
};

// By name, in the order in which they are tried:
//   mkl          LibTorch's BLAS, MKL on x86, told to use its AVX2 and AVX-512 kernels on every vendor's processor
//   mkl-generic  the same as it decides by itself; another one only on processors that are not Intel's
//   mkl-float32  mkl without the processor's bfloat16 instructions: products of bfloat16 run in float32 from the same values
//   onednn       LibTorch's oneDNN: float32, and bfloat16 into bfloat16 (the rest goes to mkl)
//   openblas     libopenblas.so.0 of the system: float32 and float64
const std::vector<std::string>& gemm_library_names();

// Those worth timing for a dtype ("float32", "float64", "bfloat16"); opens none of them, so one may turn out to be missing.
std::vector<std::string> gemm_candidates(const std::string& dtype);
// What a run of that dtype uses when nothing is measured: "mkl", but "mkl-float32" for bfloat16 on processors whose bfloat16 instruction is
// the slower way (Intel's without AMX).
std::string default_gemm_library(const std::string& dtype);

// "device" (runs on a device; no choice of run.gemm) is device_gemm_library. mkl and mkl-generic differ by what MKL asks once a process:
// the first opening decides, before the first product. Throws Error when the name is unknown, this machine lacks the library, or MKL was
// already opened the other way.
const GemmLibrary& open_gemm_library(const std::string& name);

// The library "mkl": always there.
const GemmLibrary& torch_gemm_library();
// Where every product is one of tensors on a device. Multiplying host tensors with it is a Bug.
const GemmLibrary& device_gemm_library();

// Of one library's file each: null where this machine lacks it.
const GemmLibrary* torch_generic_gemm_library();
const GemmLibrary* torch_float32_gemm_library();
const GemmLibrary* onednn_gemm_library();
const GemmLibrary* openblas_gemm_library();

}  // namespace ergon
