// SPDX-License-Identifier: Apache-2.0
#include "configs/error.hpp"
#include "trainer/kernels/gemm_library.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the library of a device multiplies nothing on the host") {
  const GemmLibrary& library = open_gemm_library("device");
  CHECK(library.name() == "device");
  CHECK(library.native_bfloat16());
  const GemmCall call{false, false, 1, 1, 1, 1, 1, 1};
  float x = 1;
  double y = 1;
  c10::BFloat16 z = 1;
  CHECK_THROWS_AS(library.multiply(call, &x, &x, 0, &x), Bug);
  CHECK_THROWS_AS(library.multiply(call, &y, &y, 0, &y), Bug);
  CHECK_THROWS_AS(library.multiply(call, &z, &z, 0, &x), Bug);
  for (const std::string& name : gemm_library_names()) CHECK(name != "device");
}
