// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/checkpoint.hpp"

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
  const SaveSeconds spent = {{0.125}, {{0.25}, {0.5}, {1}, {2}}, {0.0625}};
  figures.phases = {spent, spent, spent};
  figures.verify = {3, 5, 4};
  figures.slowed = {0.5, 3, 2};
  figures.steps = {2, 4, 3};
  figures.step_alone = {1, 1, 1};
  figures.step_beside = {1.25, 1.5, 1};
  CheckpointBenchJob job;
  nlohmann::json result = checkpoint_bench_result(job, figures);
  CHECK(result.at("schema") == "ergon.bench.v1");
  CHECK(result.at("name") == "checkpoint");
  const auto row = [&](std::size_t number) { return result.at("cases").at(number); };
  REQUIRE(result.at("cases").size() == 5);
  CHECK(
      (row(0).at("case") == "write" && row(0).at("value") == 0.5 && row(0).at("baseline").at("value") == 1.0 && row(0).at("ratio") == 0.5));
  CHECK((row(1).at("case") == "load" && row(1).at("value") == 2.0 && row(1).at("ratio") == 0.5));
  CHECK((row(2).at("value") == 0.2 && row(2).at("ratio") == 0.05 && row(2).at("copy_seconds") == 0.4 && row(2).at("write_seconds") == 3.0));
  CHECK((row(3).at("ratio") == 1.25 && row(3).at("unit") == "s" && row(3).at("steps") == 3.0));
  CHECK((row(4).at("value") == 2.0 && row(4).at("ratio") == 0.5));
  CHECK(row(0).at("seconds") ==
        nlohmann::json{
            {"copy", 0.125}, {"layout", 0.25}, {"checksum", 0.5}, {"write", 1.0}, {"sync", 2.0}, {"commit", 0.0625}, {"verify", 4.0}});
  CHECK((row(0).at("floor") == 0.8 && row(0).at("held") == false));
  CHECK((row(1).at("floor") == 0.8 && row(1).at("held") == false));
  CHECK((row(2).at("target") == 0.05 && row(2).at("held") == true));
  const std::string text = checkpoint_bench_text(result);
  CHECK_THAT(text, Catch::Contains("write: 0.500 GB/s, 0.500 x 1.000 (dd conv=fsync of as many bytes)\n  seconds: checksum 0.500 commit"));
  CHECK_THAT(text, Catch::Contains("  at least 0.8: NOT held\n") && Catch::Contains("  at most 0.05: held\n"));
  figures.save = {2.5, 2.5, 2.5};
  figures.load = {0.625, 0.625, 0.625};
  result = checkpoint_bench_result(job, figures);
  CHECK((row(0).at("held") == true && row(1).at("held") == true && row(2).at("held") == false));
  figures.save = {4, 2, 9};
  figures.load = {1, 1, 1};

  figures.torch_save = {8, 8, 8};
  figures.torch_load = figures.distributed_save = figures.distributed_load = {4, 4, 4};
  result = checkpoint_bench_result(job, figures);
  REQUIRE(result.at("cases").size() == 9);
  CHECK((row(5).at("baseline").at("name") == "torch.save and fsync" && row(5).at("ratio") == 2.0));
  CHECK((row(6).at("ratio") == 4.0 && row(7).at("ratio") == 1.0 && row(8).at("ratio") == 4.0));
}
