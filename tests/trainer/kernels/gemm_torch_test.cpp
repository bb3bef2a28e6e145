// SPDX-License-Identifier: Apache-2.0
#include <ATen/ops/matmul.h>

#include "configs/error.hpp"
#include "tests/trainer/kernels/kernel_inputs.hpp"
#include "trainer/kernels/gemm_library.hpp"
#include "trainer/kernels/vectorised.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("LibTorch's library says whether it has bfloat16 and sums its products in fp32") {
  const GemmLibrary& library = torch_gemm_library();
  CHECK(library.name() == "mkl");
  CHECK((!library.native_bfloat16() || processor_has_bfloat16()));
  if (!library.native_bfloat16()) return;
  // 256 ones and 2^-8 each: a bfloat16 sum would stand still at 256.
  const at::Tensor a = at::full({1, 512}, 1.0, at::kBFloat16), b = at::full({512, 1}, 0.00390625, at::kBFloat16);
  b.narrow(0, 0, 256).fill_(1.0);
  float c = 3;
  library.multiply({false, false, 1, 1, 512, 512, 1, 1}, a.data_ptr<c10::BFloat16>(), b.data_ptr<c10::BFloat16>(), 1.0f, &c);
  CHECK(c == 3.0f + 257.0f);
}
