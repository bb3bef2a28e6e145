// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/timers.hpp"

#include "tests/trainer/kernels/gemm_products.hpp"
#include "trainer/attention/select.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a timed library multiplies as its own and counts seconds") {
  Seconds sum = {};
  const auto library = timed(torch_gemm_library(), sum);
  CHECK(library->name() == torch_gemm_library().name());
  CHECK(library->native_bfloat16() == torch_gemm_library().native_bfloat16());
  test::check_products(*library);
  CHECK(sum.value > 0);
}

TEST_CASE("a timed kernel attends as its own and counts seconds") {
  Seconds sum = {};
  const auto plain = select_attention({.sequence = 4, .head_width = 8}, "plain").kernel;
  const auto clocked = timed(select_attention({.sequence = 4, .head_width = 8}, "plain").kernel, sum);
  CHECK(std::string(clocked->name()) == plain->name());
  const at::Tensor q = test::normals({1, 4, 2, 8}, 1), k = test::normals({1, 4, 2, 8}, 2), v = test::normals({1, 4, 2, 8}, 3);
  const auto attend = [&](const LocalAttention& kernel) {
    AttentionOutput result{test::garbage({1, 4, 2, 8}), test::garbage({1, 2, 4})};
    kernel.forward({q, k, v, causal_mask(4, 0), {}, 0.3}, result);
    return result.out_BTHQ;
  };
  CHECK(test::max_abs(attend(*clocked), attend(*plain)) == 0.0);
  CHECK(sum.value > 0);
}
