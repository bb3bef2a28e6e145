// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/gemm_probe.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {
const std::vector<GemmProduct> products = {{64, 96, 32, Transpose::no, Transpose::yes, 3},
                                           {32, 8, 16, Transpose::yes, Transpose::no, 5, Product::exact}};
}

TEST_CASE("a probe travels as text") {
  const GemmProbe probe{"onednn", "bfloat16", 2, {0.25}, products};
  const GemmProbe back = gemm_probe_from_json(to_json(probe));
  CHECK(back.library == "onednn");
  CHECK(back.dtype == "bfloat16");
  CHECK(back.threads == 2);
  CHECK(back.limit.value == 0.25);
  CHECK(back.products == products);
  CHECK_THROWS_WITH(gemm_probe_from_json("{}"), Catch::Contains("not a GEMM probe"));
  CHECK_THROWS_WITH(gemm_probe_from_json("["), Catch::Contains("not a GEMM probe"));
}

TEST_CASE("products are timed in every dtype, and no longer than the limit") {
  for (const char* dtype : {"float32", "float64", "bfloat16"}) {
    const std::vector<double> seconds = time_products({"mkl", dtype, 1, {0.2}, products});
    REQUIRE(seconds.size() == 2);
    for (const double s : seconds) {
      CHECK(s > 0);
      CHECK(s < 0.2);
    }
  }
  CHECK(time_products({"mkl", "float32", 1, {0.0}, products}).size() == 1);
  CHECK_THROWS_AS(time_products({"mkl", "int8", 1, {0.2}, products}), Bug);
}
