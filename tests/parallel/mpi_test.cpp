// SPDX-License-Identifier: Apache-2.0
#include "parallel/mpi.hpp"

#include <map>
#include <optional>

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

using Variables = std::map<std::string, std::string>;
Variables variables;

std::optional<Error> launcher_refusal(int world_size, Variables environment) {
  variables = std::move(environment);
  try {
    check_launcher(world_size, [](const char* name) -> const char* {
      const auto found = variables.find(name);
      return found == variables.end() ? nullptr : found->second.c_str();
    });
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("mpi: a real failure comes back as Error with MPI's own words") {
  const MpiComm comm = MpiComm::copy(MPI_COMM_WORLD, "bridge");
  int value = 0;
  try {
    ERGON_MPI(MPI_Bcast(&value, 1, MPI_INT, comm.size() + 3, comm.get()), comm.name());
    FAIL_CHECK("MPI accepted a root that does not exist");
  } catch (const Error& error) {
    CHECK(error.problem().find("MPI_Bcast failed: MPI_ERR_ROOT") == 0);
    CHECK(error.where() == "bridge");
    CHECK(error.code() == ExitCode::world);
  }
  const MpiComm part = comm.split(0, 0, "part");
  CHECK_THROWS_AS(mpi_check(MPI_Send(&value, -1, MPI_INT, 0, 0, part.get()), "MPI_Send", "part"), Error);
}

TEST_CASE("mpi: handles move") {
  MpiComm first = MpiComm::copy(MPI_COMM_WORLD, "first");
  const MPI_Comm handle = first.get();
  MpiComm second = std::move(first);
  CHECK(first.get() == MPI_COMM_NULL);
  CHECK(second.get() == handle);
  first = std::move(second);
  CHECK(second.get() == MPI_COMM_NULL);
  CHECK(first.get() == handle);
  MpiBlock block(10, 4, 8, 3);
  MPI_Aint low = 0, extent = 0;
  int bytes = 0;
  MPI_Type_get_extent(block.get(), &low, &extent);
  MPI_Type_size(block.get(), &bytes);
  CHECK(low == 8);
  CHECK(extent == 40);
  CHECK(bytes == 40);
  CHECK_THROWS_AS(MpiBlock(1, 3, 0, 1), Bug);
}

TEST_CASE("mpi: alone under Slurm is refused, with the way out") {
  const auto refusal = launcher_refusal(1, {{"SLURM_NTASKS", "4"}, {"SLURM_STEP_ID", "0"}});
  CHECK(refusal.has_value());
  if (refusal) {
    CHECK(refusal->problem() == "MPI sees one rank, but Slurm started 4 tasks: they do not know of each other");
    CHECK(refusal->hint().find("use --mpi=pmix") == 0);
    CHECK(refusal->code() == ExitCode::world);
  }
  CHECK(launcher_refusal(1, {{"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_STEPID", "0"}}).has_value());
  CHECK_FALSE(launcher_refusal(4, {{"SLURM_NTASKS", "4"}, {"SLURM_STEP_ID", "0"}}).has_value());
  CHECK_FALSE(launcher_refusal(1, {{"SLURM_NTASKS", "1"}, {"SLURM_STEP_ID", "0"}}).has_value());
  CHECK_FALSE(launcher_refusal(1, {{"SLURM_NTASKS", "4"}}).has_value());
  CHECK_FALSE(launcher_refusal(1, {{"SLURM_NTASKS", "4"}, {"SLURM_STEP_ID", "0"}, {"OMPI_COMM_WORLD_SIZE", "1"}}).has_value());
  CHECK_FALSE(launcher_refusal(1, {}).has_value());
}

}  // namespace ergon
