// SPDX-License-Identifier: Apache-2.0
#include "parallel/started_ranks.hpp"

#include <map>

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::map<std::string, std::string> variables;

StartedRanks started(std::map<std::string, std::string> environment) {
  variables = std::move(environment);
  return started_ranks([](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

}  // namespace

TEST_CASE("started_ranks: what each launcher leaves in the environment") {
  CHECK(started({}).size == 1);
  const StartedRanks by_mpirun = started({{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "3"}, {"SLURM_PROCID", "1"}});
  CHECK(by_mpirun.launcher == "mpirun");
  CHECK(by_mpirun.size == 4);
  CHECK(by_mpirun.rank == 3);
  const StartedRanks by_srun = started(
      {{"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "1"}, {"PMIX_NAMESPACE", "x"}});
  CHECK(by_srun.launcher == "Slurm");
  CHECK(by_srun.size == 2);
  CHECK(by_srun.rank == 1);
  CHECK(by_srun.know_each_other);
  CHECK(started({{"PMI_SIZE", "3"}, {"PMI_RANK", "2"}}).rank == 2);
}

TEST_CASE("started_ranks: a batch script and an interactive shell of a job are one process") {
  CHECK(started({{"SLURM_JOB_ID", "7"}, {"SLURM_NTASKS", "4"}}).size == 1);
  CHECK(started({{"SLURM_STEP_ID", "4294967290"}, {"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_NTASKS", "4"}}).size == 1);
}

TEST_CASE("started_ranks: tasks without PMIx are a trap before MPI starts, and any launcher that MPI has not heard of after it") {
  const StartedRanks alone = started({{"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NUM_TASKS", "4"}});
  REQUIRE(launcher_trap(alone, {}).has_value());
  CHECK(launcher_trap(alone, {})->hint() == "use --mpi=pmix: srun --mpi=pmix ergon ...");
  CHECK(launcher_trap(alone, {})->where() == "SLURM_STEP_NUM_TASKS");

  const StartedRanks by_mpirun = started({{"OMPI_COMM_WORLD_SIZE", "4"}});
  CHECK_FALSE(launcher_trap(by_mpirun, {}).has_value());
  CHECK_FALSE(launcher_trap(by_mpirun, 4).has_value());
  REQUIRE(launcher_trap(by_mpirun, 1).has_value());
  CHECK(launcher_trap(by_mpirun, 1)->problem() == "MPI sees one rank, but mpirun started 4 ranks: they do not know of each other");
  CHECK(launcher_trap(by_mpirun, 1)->hint().find("ergon version") != std::string::npos);
  CHECK_FALSE(launcher_trap(started({}), 1).has_value());
}
