// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include "configs/error.hpp"
#include "trainer/kernels/blas.hpp"
#include "trainer/kernels/gemm_library.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace {

// What this process answers MKL, and whether MKL has asked.
struct VendorAnswer {
  std::atomic<int> intel{1};
  std::atomic<bool> asked{false};
};
VendorAnswer& vendor_answer() {
  static VendorAnswer answer;
  return answer;
}

}  // namespace

// MKL picks its AVX2 and AVX-512 kernels by asking, once, whether the processor is Intel's, and answers others with a generic path. The
// function is exported, so that this definition, linked into the executable, answers for it. On Intel's processors, and with other BLAS
// libraries, nothing changes.
extern "C" [[gnu::visibility("default"), gnu::used]] int mkl_serv_intel_cpu_true() {
  vendor_answer().asked = true;
  return vendor_answer().intel;
}

// MKL's; absent where LibTorch was built with another BLAS.
extern "C" [[gnu::weak]] void gemm_bf16bf16f32_(const char* transpose_a, const char* transpose_b, const int* m, const int* n, const int* k,
                                                const float* alpha, const c10::BFloat16* a, const int* lda, const c10::BFloat16* b,
                                                const int* ldb, const float* beta, float* c, const int* ldc);

namespace ergon {
namespace {

char stored(bool transposed) { return transposed ? 't' : 'n'; }

template <class T>
void multiply_like(const GemmCall& g, const T* a, const T* b, T beta, T* c) {
  blas_gemm(stored(g.a_transposed), stored(g.b_transposed), g.m, g.n, g.k, T(1), a, g.a_stride, b, g.b_stride, beta, c, g.c_stride);
}

class TorchGemm final : public GemmLibrary {
 public:
  explicit TorchGemm(std::string name, bool use_bfloat16 = true) : name_(std::move(name)), use_bfloat16_(use_bfloat16) {}
  std::string name() const override { return name_; }
  void multiply(const GemmCall& g, const float* a, const float* b, float beta, float* c) const override { multiply_like(g, a, b, beta, c); }
  void multiply(const GemmCall& g, const double* a, const double* b, double beta, double* c) const override {
    multiply_like(g, a, b, beta, c);
  }

  bool native_bfloat16() const override { return use_bfloat16_ && gemm_bf16bf16f32_ != nullptr && processor_has_bfloat16(); }
  void multiply(const GemmCall& g, const c10::BFloat16* a, const c10::BFloat16* b, float beta, float* c) const override {
    const float one = 1;
    const char left = stored(g.b_transposed), right = stored(g.a_transposed);  // column-major: see blas.hpp
    gemm_bf16bf16f32_(&left, &right, &g.n, &g.m, &g.k, &one, b, &g.b_stride, a, &g.a_stride, &beta, c, &g.c_stride);
  }
  bool multiply_rounded(const GemmCall&, const c10::BFloat16*, const c10::BFloat16*, c10::BFloat16*) const override { return false; }

 private:
  std::string name_;
  bool use_bfloat16_;
};

}  // namespace

const GemmLibrary& torch_gemm_library() {
  static const TorchGemm library("mkl");
  return library;
}

const GemmLibrary* torch_float32_gemm_library() {
  static const TorchGemm library("mkl-float32", false);
  return &library;
}

const GemmLibrary* torch_generic_gemm_library() {
  VendorAnswer& answer = vendor_answer();
  if (answer.asked && answer.intel == 1)
    throw Error("MKL has already chosen its kernels in this process", "GEMM library mkl-generic", "name it before the first product");
  answer.intel = 0;
  static const TorchGemm library("mkl-generic");
  return &library;
}

}  // namespace ergon
