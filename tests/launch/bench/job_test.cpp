// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/job.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the job is the default's, then what the line says") {
  BenchJob job;
  CHECK(bench_config(job).model.width == 768);
  CHECK(bench_config(job).model.sequence == 64);
  job.overrides = {"model.preset=tiny-gpt", "train.batch=8"};
  job.threads = 2;
  const RunConfig config = bench_config(job);
  CHECK(config.model.width == 32);
  CHECK(config.train.batch == 8);
  CHECK(config.run.threads == 2);
}

TEST_CASE("a job of several ranks is refused") {
  BenchJob job;
  for (const char* axis : {"mesh.tp=2", "mesh.dp=2", "mesh.pp=2", "mesh.cp=2"}) {
    job.overrides = {axis, "train.microbatch=2"};
    CHECK_THROWS_WITH(bench_config(job), Catch::Contains("bench train measures one rank"));
  }
}
