// SPDX-License-Identifier: Apache-2.0
// How many ranks a launcher says it started, before MPI is asked, and whether MPI could find them. Read from the environment; pure.
#pragma once

#include <optional>
#include <string>

#include "configs/error.hpp"

namespace ergon {

struct StartedRanks {
  std::string launcher;         // "mpirun", "Slurm", "PMI"; empty: nobody, one process
  std::string variable;         // that said how many
  int size = 1, rank = 0;       // by the launcher
  bool know_each_other = true;  // false: it left nothing that MPI finds the others by
};

// `variable` looks up the environment: null where a variable is not set. A batch script, or an interactive shell, of a job of several tasks
// is one process.
StartedRanks started_ranks(const char* (*variable)(const char* name));
// Of this process.
StartedRanks started_ranks();

// Why the ranks cannot become one job (ExitCode::world), nothing if they can. `world_size` is what MPI says; empty: it was not started yet.
// Open MPI 4 ends a process that srun started without PMIx, later versions leave each alone with itself.
std::optional<Error> launcher_trap(const StartedRanks& started, std::optional<int> world_size);

}  // namespace ergon
