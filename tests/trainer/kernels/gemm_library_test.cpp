// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/gemm_library.hpp"

#include <algorithm>

#include "configs/names.hpp"
#include "tests/trainer/kernels/gemm_products.hpp"

using namespace ergon;

TEST_CASE("the libraries are those of the key run.gemm, and the plain one multiplies") {
  const auto words = choices<GemmName>();
  const std::vector<std::string> names(words.begin() + 1, words.end());
  CHECK(gemm_library_names() == names);
  CHECK(open_gemm_library("mkl").name() == "mkl");
  test::check_products(open_gemm_library("mkl"));
}

TEST_CASE("what is not a library, and MKL asked a second time otherwise, are refused") {
  CHECK_THROWS_WITH(open_gemm_library("acml"), Catch::Contains("no GEMM library is called \"acml\"") && Catch::Contains("openblas"));
  // Some test before this one, or this product, made MKL choose.
  test::check_product<float>(torch_gemm_library(), {false, false, 2, 2, 2, 0, 0, 0});
  if (!std::ranges::count(gemm_candidates("float32"), "mkl-generic")) return;
  CHECK_THROWS_WITH(open_gemm_library("mkl-generic"), Catch::Contains("MKL has already chosen its kernels"));
}

TEST_CASE("each dtype is offered the libraries that can multiply it") {
  const auto has = [](const char* dtype, const char* name) { return std::ranges::count(gemm_candidates(dtype), name) == 1; };
  for (const char* dtype : {"float32", "float64", "bfloat16"}) CHECK(gemm_candidates(dtype).front() == "mkl");
  CHECK(has("float32", "onednn"));
  CHECK(has("float32", "openblas"));
  CHECK(has("float64", "openblas"));
  CHECK_FALSE(has("float64", "onednn"));
  CHECK(has("bfloat16", "onednn") == torch_gemm_library().native_bfloat16());
  CHECK(has("bfloat16", "openblas") != torch_gemm_library().native_bfloat16());
}
