// SPDX-License-Identifier: Apache-2.0
#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <cstdlib>

#include "configs/error.hpp"
#include "trainer/kernels/gemm_library.hpp"

namespace ergon {
namespace {

constexpr int row_major = 101, plain = 111, transposed = 112;  // of the CBLAS interface

template <class T>
using CblasProduct = void (*)(int order, int transpose_a, int transpose_b, int m, int n, int k, T alpha, const T* a, int lda, const T* b,
                              int ldb, T beta, T* c, int ldc);

class OpenBlasGemm final : public GemmLibrary {
 public:
  // The library stays open for the life of the process: its threads do.
  OpenBlasGemm() {
    void* opened = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (opened == nullptr) return;
    single_ = reinterpret_cast<CblasProduct<float>>(dlsym(opened, "cblas_sgemm"));
    double_ = reinterpret_cast<CblasProduct<double>>(dlsym(opened, "cblas_dgemm"));
    set_threads_ = reinterpret_cast<void (*)(int)>(dlsym(opened, "openblas_set_num_threads"));
  }
  bool complete() const { return single_ != nullptr && double_ != nullptr && set_threads_ != nullptr; }
  void use_threads(int threads) const { set_threads_(threads); }

  std::string name() const override { return "openblas"; }
  void multiply(const GemmCall& g, const float* a, const float* b, float beta, float* c) const override {
    single_(row_major, stored(g.a_transposed), stored(g.b_transposed), g.m, g.n, g.k, 1.0f, a, g.a_stride, b, g.b_stride, beta, c,
            g.c_stride);
  }
  void multiply(const GemmCall& g, const double* a, const double* b, double beta, double* c) const override {
    double_(row_major, stored(g.a_transposed), stored(g.b_transposed), g.m, g.n, g.k, 1.0, a, g.a_stride, b, g.b_stride, beta, c,
            g.c_stride);
  }
  bool native_bfloat16() const override { return false; }
  void multiply(const GemmCall&, const c10::BFloat16*, const c10::BFloat16*, float, float*) const override { refuse_bfloat16(); }
  bool multiply_rounded(const GemmCall&, const c10::BFloat16*, const c10::BFloat16*, c10::BFloat16*) const override { refuse_bfloat16(); }

 private:
  [[noreturn]] static void refuse_bfloat16() {
    ERGON_CHECK(false, "OpenBLAS was asked for bfloat16");
    std::abort();
  }
  static int stored(bool is_transposed) { return is_transposed ? transposed : plain; }
  CblasProduct<float> single_ = nullptr;
  CblasProduct<double> double_ = nullptr;
  void (*set_threads_)(int) = nullptr;
};

}  // namespace

const GemmLibrary* openblas_gemm_library() {
  static const OpenBlasGemm library;
  if (!library.complete()) return nullptr;
  library.use_threads(at::get_num_threads());
  return &library;
}

}  // namespace ergon
