// SPDX-License-Identifier: Apache-2.0
// Stands for the library of a device in runs whose tensors are there: the GEMM door hands their products to the device's kernels, so
// nothing is ever multiplied here.
#include <cstdlib>

#include "configs/error.hpp"
#include "trainer/kernels/gemm_library.hpp"

namespace ergon {
namespace {

class DeviceGemm final : public GemmLibrary {
 public:
  std::string name() const override { return "device"; }
  bool native_bfloat16() const override { return true; }
  void multiply(const GemmCall&, const float*, const float*, float, float*) const override { refuse(); }
  void multiply(const GemmCall&, const double*, const double*, double, double*) const override { refuse(); }
  void multiply(const GemmCall&, const c10::BFloat16*, const c10::BFloat16*, float, float*) const override { refuse(); }
  bool multiply_rounded(const GemmCall&, const c10::BFloat16*, const c10::BFloat16*, c10::BFloat16*) const override { refuse(); }

 private:
  [[noreturn]] static void refuse() {
    ERGON_CHECK(false, "a product of host tensors in a run whose tensors are on a device");
    std::abort();
  }
};

}  // namespace

const GemmLibrary& device_gemm_library() {
  static const DeviceGemm library;
  return library;
}

}  // namespace ergon
