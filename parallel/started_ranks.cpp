// SPDX-License-Identifier: Apache-2.0
#include "parallel/started_ranks.hpp"

#include <cstdlib>

namespace ergon {
namespace {

int number(const char* text) { return text == nullptr ? 0 : std::atoi(text); }

}  // namespace

StartedRanks started_ranks(const char* (*variable)(const char* name)) {
  if (variable("OMPI_COMM_WORLD_SIZE") != nullptr)
    return {"mpirun", "OMPI_COMM_WORLD_SIZE", number(variable("OMPI_COMM_WORLD_SIZE")), number(variable("OMPI_COMM_WORLD_RANK")), true};
  const bool in_step = variable("SLURM_STEP_ID") != nullptr || variable("SLURM_STEPID") != nullptr;
  const bool wired = variable("PMIX_NAMESPACE") != nullptr || variable("PMI_RANK") != nullptr;
  for (const char* name : {"SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"})
    if (in_step && variable(name) != nullptr) return {"Slurm", name, number(variable(name)), number(variable("SLURM_PROCID")), wired};
  if (variable("PMI_SIZE") != nullptr) return {"PMI", "PMI_SIZE", number(variable("PMI_SIZE")), number(variable("PMI_RANK")), true};
  return {};
}

StartedRanks started_ranks() {
  return started_ranks([](const char* name) -> const char* { return std::getenv(name); });
}

std::optional<Error> launcher_trap(const StartedRanks& started, std::optional<int> world_size) {
  if (started.size <= 1 || (world_size ? *world_size != 1 : started.know_each_other)) return std::nullopt;
  const bool slurm = started.launcher == "Slurm";
  return Error(fmt::format("MPI sees one rank, but {} started {} {}: they do not know of each other", started.launcher, started.size,
                           slurm ? "tasks" : "ranks"),
               started.variable,
               slurm ? "use --mpi=pmix: srun --mpi=pmix ergon ..."
                     : "start it with the mpirun of the MPI that Ergon was built with (`ergon version` names it)",
               ExitCode::world);
}

}  // namespace ergon
