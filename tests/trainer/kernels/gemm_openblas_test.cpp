// SPDX-License-Identifier: Apache-2.0
#include "tests/support/skip.hpp"
#include "tests/trainer/kernels/gemm_products.hpp"

using namespace ergon;

TEST_CASE("OpenBLAS multiplies every transpose and leaves what lies beside the result") {
  if (openblas_gemm_library() == nullptr) return test::skip("libopenblas.so.0 is not installed");
  const GemmLibrary& library = *openblas_gemm_library();
  CHECK(library.name() == "openblas");
  CHECK_FALSE(library.native_bfloat16());
  test::check_products(library);
  float c = 0;
  const c10::BFloat16 one = 1.0f;
  CHECK_THROWS_AS(library.multiply({false, false, 1, 1, 1, 1, 1, 1}, &one, &one, 0.0f, &c), Bug);
}
