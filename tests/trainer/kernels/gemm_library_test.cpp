// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/gemm_library.hpp"

#include <algorithm>

#include "configs/names.hpp"
#include "tests/trainer/kernels/gemm_products.hpp"
#include "trainer/kernels/vectorised.hpp"

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
  const bool onednn = onednn_gemm_library() != nullptr;  // LibTorch's refuses old processors
  CHECK(has("float32", "onednn") == onednn);
  CHECK(has("float32", "openblas"));
  CHECK(has("float64", "openblas"));
  CHECK_FALSE(has("float64", "onednn"));
  CHECK(has("bfloat16", "onednn") == (onednn && torch_gemm_library().native_bfloat16()));
  CHECK(has("bfloat16", "mkl-float32") == torch_gemm_library().native_bfloat16());
  CHECK_FALSE(has("float32", "mkl-float32"));
  CHECK(has("bfloat16", "openblas") != torch_gemm_library().native_bfloat16());
}

TEST_CASE("unmeasured, bfloat16 takes the processor's instruction where it is the faster way") {
  CHECK(default_gemm_library("float32") == "mkl");
  CHECK(default_gemm_library("float64") == "mkl");
  const bool slower = processor_is_intel() && !processor_has_bfloat16_tiles();
  CHECK(default_gemm_library("bfloat16") == (slower ? "mkl-float32" : "mkl"));
}

TEST_CASE("mkl-float32 is mkl without bfloat16 instructions") {
  const GemmLibrary& library = open_gemm_library("mkl-float32");
  CHECK(library.name() == "mkl-float32");
  CHECK_FALSE(library.native_bfloat16());
  test::check_products(library);
}
