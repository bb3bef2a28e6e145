// SPDX-License-Identifier: Apache-2.0
#include "launch/bench_checkpoint.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("speeds are of the median second, and each case stands beside what it is measured by") {
  CheckpointBenchFigures figures;
  figures.bytes = {2'000'000'000};
  figures.save = {4, 2, 9};
  figures.dd = {1, 2, 2};
  figures.load = {1, 1, 1};
  figures.read = {0.5, 0.5, 0.5};
  figures.blocked = {0.1, 0.2, 0.3};
  figures.copy = {0.4, 0.4, 0.4};
  figures.write = {3, 3, 3};
  figures.step_alone = {1, 1, 1};
  figures.step_beside = {1.25, 1.5, 1};
  CheckpointBenchJob job;
  nlohmann::json result = checkpoint_bench_result(job, figures);
  CHECK(result.at("schema") == "ergon.bench.v1");
  CHECK(result.at("name") == "checkpoint");
  const auto row = [&](std::size_t number) { return result.at("cases").at(number); };
  REQUIRE(result.at("cases").size() == 4);
  CHECK(
      (row(0).at("case") == "write" && row(0).at("value") == 0.5 && row(0).at("baseline").at("value") == 1.0 && row(0).at("ratio") == 0.5));
  CHECK((row(1).at("case") == "load" && row(1).at("value") == 2.0 && row(1).at("ratio") == 0.5));
  CHECK((row(2).at("value") == 0.2 && row(2).at("ratio") == 0.05 && row(2).at("copy_seconds") == 0.4 && row(2).at("write_seconds") == 3.0));
  CHECK((row(3).at("ratio") == 1.25 && row(3).at("unit") == "s"));
  CHECK_THAT(checkpoint_bench_text(result), Catch::Contains("write: 0.500 GB/s, 0.500 x 1.000 (dd conv=fsync of as many bytes)"));

  figures.torch_save = {8, 8, 8};
  figures.torch_load = figures.distributed_save = figures.distributed_load = {4, 4, 4};
  result = checkpoint_bench_result(job, figures);
  REQUIRE(result.at("cases").size() == 8);
  CHECK((row(4).at("baseline").at("name") == "torch.save and fsync" && row(4).at("ratio") == 2.0));
  CHECK((row(5).at("ratio") == 4.0 && row(6).at("ratio") == 1.0 && row(7).at("ratio") == 4.0));
}
