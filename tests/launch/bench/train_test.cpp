// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/train.hpp"

#include <cmath>

#include "configs/parse.hpp"
#include "trainer/gemm_choice.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("steps are counted after the warm-up, their parts add up to less than their whole") {
  const RunConfig config =
      parse_run_text("", "test", {"model.preset=tiny-gpt", "model.sequence=16", "train.batch=4", "train.microbatch=2"}, Purpose::describe);
  const BenchTrainResult result = bench_train(config, {.steps = 3, .warmup = 1});
  REQUIRE(result.tokens_per_second.size() == 3);
  double seconds = 0;
  for (const double rate : result.tokens_per_second) seconds += 4 * 16 / rate / 3;
  const double parts = result.split.forward.value + result.split.backward.value + result.split.reduce.value + result.split.optimizer.value;
  CHECK(parts > 0);
  CHECK(parts <= seconds);
  CHECK(result.gemm.value > 0);
  CHECK(result.attention.value > 0);
  CHECK(result.gemm.value + result.attention.value < result.split.forward.value + result.split.backward.value);
  CHECK(result.gemm_library == "mkl");
  double flops = 0;
  for (const GemmProduct& product : step_products(config, 1)) flops += product.flops() * static_cast<double>(product.count);
  CHECK(result.gemm_flops == flops);
  CHECK(result.gemm_peak.value > result.gemm_flops / result.gemm.value / 10);
  CHECK(result.peak_memory.value > (1 << 20));
  CHECK(std::isfinite(result.loss));
}
