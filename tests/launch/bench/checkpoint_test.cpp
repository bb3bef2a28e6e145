// SPDX-License-Identifier: Apache-2.0
// `ergon bench checkpoint` on a model of a few hundred kilobytes: every figure is there, and nothing is left on the disk.
#include "launch/bench/checkpoint.hpp"

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/launch/subcommands.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using ergon::test::TemporaryFolder;

namespace {

const std::vector<std::string> small = {"model.layers=2",    "model.width=64", "model.heads=4",      "model.vocabulary=257",
                                        "model.sequence=16", "train.batch=2",  "train.microbatch=2", "run.gemm=mkl"};

// As torch would answer, without it.
std::string python_of(const TemporaryFolder& folder, const std::string& answer) {
  const std::string path = folder / "python";
  test::write_file(path, "#!/bin/sh\necho '" + answer + "'\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

}  // namespace

TEST_CASE("every round saves, loads, reads, and trains beside a save, and leaves nothing") {
  const TemporaryFolder folder;
  CheckpointBenchJob job;
  job.overrides = small;
  job.rounds = 2;
  job.folder = folder.path();
  const CheckpointBenchFigures figures = bench_checkpoint(job);
  CHECK(figures.bytes.value > 3 * 4 * 100'000);
  for (const std::vector<double>* seconds : {&figures.save, &figures.dd, &figures.load, &figures.read, &figures.blocked, &figures.copy,
                                             &figures.write, &figures.step_alone, &figures.step_beside, &figures.verify, &figures.steps}) {
    REQUIRE(seconds->size() == 2);
    CHECK((seconds->at(0) > 0 && seconds->at(1) > 0));
  }
  CHECK(figures.slowed.size() == 2);
  REQUIRE(figures.phases.size() == 2);
  for (std::size_t round = 0; round < 2; ++round) {
    const SaveSeconds& spent = figures.phases[round];
    const ShardSeconds& shard = spent.shard;
    for (const Seconds part : {shard.layout, shard.checksum, shard.write, shard.sync, spent.commit}) CHECK(part.value > 0);
    const double parts = (spent.copy + shard.layout + shard.checksum + shard.write + shard.sync + spent.commit).value;
    CHECK(parts <= figures.save[round]);
  }
  CHECK(figures.torch_save.empty());
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("PyTorch takes its turn in every round, and a Python that is not there is refused before anything is measured") {
  const TemporaryFolder folder, elsewhere;
  CheckpointBenchJob job;
  job.overrides = small;
  job.rounds = 1;
  job.folder = folder.path();
  job.against = "pytorch";
  job.python = python_of(elsewhere, R"({"torch_save": 2.0, "torch_load": 3.0, "distributed_save": 4.0, "distributed_load": 5.0})");
  const CheckpointBenchFigures figures = bench_checkpoint(job);
  CHECK(figures.torch_save == std::vector<double>{2});
  CHECK(figures.torch_load == std::vector<double>{3});
  CHECK(figures.distributed_save == std::vector<double>{4});
  CHECK(figures.distributed_load == std::vector<double>{5});
  job.python = elsewhere / "none";
  try {
    bench_checkpoint(job);
    FAIL("it went on");
  } catch (const Error& error) {
    CHECK_THAT(error.what(), Catch::Contains("this Python cannot be started"));
  }
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("the subcommand prints a line a case, and refuses rounds below 1") {
  const TemporaryFolder folder;
  std::vector<std::string> line = {"checkpoint", "--rounds", "1", "--folder", folder.path()};
  line.insert(line.end(), small.begin(), small.end());
  const auto called = test::call(command_bench, "bench", line);
  CHECK(called.code == 0);
  CHECK_THAT(called.text, Catch::Contains("(dd conv=fsync of as many bytes)") && Catch::Contains("(a blocking save)"));
  line[2] = std::string("0");
  CHECK_THROWS_AS(test::call(command_bench, "bench", line), Error);
}
