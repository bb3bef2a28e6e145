// SPDX-License-Identifier: Apache-2.0
// Which cores a rank computes on. A rank takes its share itself, from the cores that its launcher left it, so that mpirun and srun (both
// told to bind nothing) come to the same.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configs/run_config.hpp"
#include "parallel/mpi.hpp"

namespace ergon {

// What this process may use: the logical processors of each core, by NUMA domain, in the machine's order.
struct AllowedCores {
  using Core = std::vector<int>;
  std::vector<std::vector<Core>> domains;
};

// The processors of one rank; empty: it stays as it is. `core`: whole neighbouring cores, an equal share for each rank of the node, in the
// order of the domains, so that a rank lies in as few of them as can be; where ranks are more than cores, a share of their processors.
// `numa`: the whole domain of its share's first processor. `automatic`: as `core`, but nothing where the launcher has given ranks
// processors of their own, a rank is alone, or a share is of one processor only, behind which the threads that save and watch would queue;
// what a control group leaves to all ranks of the node together is shared like a whole machine. Throws Error (ExitCode::world) for `core`
// and `numa` with more ranks than processors.
std::vector<int> processors_of_rank(const AllowedCores& cores, LocalRank local, Binding how);

// Asks hwloc, binds this process, and says to what: "processors 0-7"; empty: nothing was bound. Throws Error (ExitCode::world) as above,
// and when the system refuses.
std::string bind_rank(LocalRank local, Binding how);

// {0, 1, 2, 5} is "0-2,5".
std::string processor_ranges(const std::vector<int>& processors);

}  // namespace ergon
