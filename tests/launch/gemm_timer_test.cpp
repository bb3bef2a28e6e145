// SPDX-License-Identifier: Apache-2.0
#include "launch/gemm_timer.hpp"

#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "tests/launch/subcommands.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {
const std::vector<GemmProduct> products = {{64, 96, 32, Transpose::no, Transpose::yes, 3}, {32, 8, 16, Transpose::yes, Transpose::no, 5}};
}

TEST_CASE("the probe command prints the seconds of each product, and nothing where the library is missing") {
  const auto seconds = nlohmann::json::parse(test::ergon({"gemm-probe", to_json({"mkl", "float32", 1, {0.1}, products})}));
  CHECK(seconds.size() == 2);
  CHECK(test::ergon({"gemm-probe", to_json({"no-such-library", "float32", 1, {0.1}, products})}) == "[]\n");
  CHECK_THROWS(test::ergon({"gemm-probe"}));
  CHECK_THROWS(test::ergon({"gemm-probe", "{}"}));
}

TEST_CASE("a program that does not answer with seconds is out of the race") {
  // Here own_path() is this test's executable, which knows no gemm-probe.
  CHECK(child_gemm_timer()({"mkl", "float32", 1, {0.1}, products}).empty());
}
