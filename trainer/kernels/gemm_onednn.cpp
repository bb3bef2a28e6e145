// SPDX-License-Identifier: Apache-2.0
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/Exception.h>

#include "configs/error.hpp"
#include "trainer/kernels/gemm_library.hpp"

// c = beta c + alpha a b by LibTorch's oneDNN. Exported without a header; absent where LibTorch was built without it.
namespace at::native {
[[gnu::weak]] void mkldnn_matmul(const Tensor& a, const Tensor& b, const Tensor& c, float beta, float alpha);
}

namespace ergon {
namespace {

template <class T>
at::Tensor view(const T* data, std::int64_t rows, std::int64_t columns, bool transposed, std::int64_t stride) {
  const std::array<std::int64_t, 2> sizes = {rows, columns},
                                    strides = transposed ? std::array<std::int64_t, 2>{1, stride} : std::array<std::int64_t, 2>{stride, 1};
  return at::from_blob(const_cast<T*>(data), sizes, strides, at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value));
}

class OneDnnGemm final : public GemmLibrary {
 public:
  std::string name() const override { return "onednn"; }
  void multiply(const GemmCall& g, const float* a, const float* b, float beta, float* c) const override {
    if (g.k == 0) return torch_gemm_library().multiply(g, a, b, beta, c);
    multiply_into(g, a, b, beta, c);
  }
  void multiply(const GemmCall& g, const double* a, const double* b, double beta, double* c) const override {
    torch_gemm_library().multiply(g, a, b, beta, c);
  }
  bool native_bfloat16() const override { return torch_gemm_library().native_bfloat16(); }
  void multiply(const GemmCall& g, const c10::BFloat16* a, const c10::BFloat16* b, float beta, float* c) const override {
    torch_gemm_library().multiply(g, a, b, beta, c);
  }
  bool multiply_rounded(const GemmCall& g, const c10::BFloat16* a, const c10::BFloat16* b, c10::BFloat16* c) const override {
    if (g.k == 0) return false;
    multiply_into(g, a, b, 0.0f, c);
    return true;
  }

 private:
  template <class T>
  static void multiply_into(const GemmCall& g, const T* a, const T* b, float beta, T* c) {
    at::native::mkldnn_matmul(view(a, g.m, g.k, g.a_transposed, g.a_stride), view(b, g.k, g.n, g.b_transposed, g.b_stride),
                              view(c, g.m, g.n, false, g.c_stride), beta, 1.0f);
  }
};

// It asks for instructions of bfloat16 whatever it multiplies, and throws where the processor lacks them.
bool multiplies_here(const GemmLibrary& library) {
  if (&at::native::mkldnn_matmul == nullptr) return false;
  const float one = 1;
  float c = 0;
  try {
    library.multiply({false, false, 1, 1, 1, 1, 1, 1}, &one, &one, 0, &c);
  } catch (const c10::Error&) {
    return false;
  }
  return true;
}

}  // namespace

const GemmLibrary* onednn_gemm_library() {
  static const OneDnnGemm library;
  static const bool present = multiplies_here(library);
  return present ? &library : nullptr;
}

}  // namespace ergon
