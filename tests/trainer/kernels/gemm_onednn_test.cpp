// SPDX-License-Identifier: Apache-2.0
#include "tests/trainer/kernels/gemm_products.hpp"

using namespace ergon;

TEST_CASE("LibTorch's oneDNN multiplies every transpose and leaves what lies beside the result") {
  REQUIRE(onednn_gemm_library() != nullptr);
  CHECK(onednn_gemm_library()->name() == "onednn");
  test::check_products(*onednn_gemm_library());
}
