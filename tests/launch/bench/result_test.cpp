// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/result.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

BenchTrainResult measured() {
  BenchTrainResult result;
  result.tokens_per_second = {100, 300, 200};
  result.split = {.forward = {0.5}, .backward = {1.0}, .reduce = {0.25}, .optimizer = {0.25}};
  result.gemm_library = "mkl";
  result.gemm = {0.75};
  result.attention = {0.25};
  result.gemm_flops = 150e9;
  result.gemm_peak = {400e9};
  result.peak_memory = {3 << 20};
  return result;
}

}  // namespace

TEST_CASE("rows: the step's median speed, products against the peak while they run and over the whole step") {
  const nlohmann::json result = bench_result({}, measured());
  CHECK(result.at("schema") == "ergon.bench.v1");
  const nlohmann::json& cases = result.at("cases");
  REQUIRE(cases.size() == 3);
  CHECK(cases[0].at("value") == 200);
  CHECK(cases[0].at("ratio").is_null());
  CHECK(cases[1].at("value") == 200);  // GFLOP/s: 150e9 in 0.75 s
  CHECK(cases[1].at("ratio") == 0.5);
  CHECK(cases[2].at("value") == 75);  // 150e9 in 2 s
  CHECK(cases[2].at("ratio") == 0.1875);
  CHECK(cases[2].at("baseline").at("value") == 400);
}

TEST_CASE("lines for a person: speed, where the time goes, each ratio with its baseline") {
  const std::string text = bench_text(bench_result({}, measured()));
  const std::string peak = "(peak of mkl in this process, square products up to 2048)\n";
  CHECK(text ==
        "200 tokens/s  (3 MiB resident, GEMM library mkl)\n"
        "a step: forward 0.500 s, backward 1.000 s, reduce 0.250 s, optimizer 0.250 s\n"
        "of forward and backward: products 0.750 s, attention 0.250 s, the rest 0.500 s\n"
        "products alone: 200 GFLOP/s, 0.50 x 400 " +
            peak + "products over the whole step: 75 GFLOP/s, 0.19 x 400 " + peak);
}
