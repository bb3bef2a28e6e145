// SPDX-License-Identifier: Apache-2.0
// [launch]: where and how `ergon launch` starts the ranks of a run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configs/quantities.hpp"

namespace ergon {

enum class LaunchWith { local, mpirun, slurm };
// What starts the ranks of a job of Slurm.
enum class RanksBy { srun, mpirun };
// What a core set is bound to: `automatic` by what the nodes have (launch/binding.hpp).
enum class Binding { automatic, none, core, numa };
// How a job that saved and ended comes back: requeued under its number, a new job after it, the next task of an array, not at all.
enum class Comeback { requeue, chain, array, never };

struct LaunchSection {
  LaunchWith with = LaunchWith::local;
  RanksBy ranks_by = RanksBy::srun;  // with slurm
  std::int64_t nodes = 1;
  std::int64_t min_nodes = 0;  // 0: nodes
  std::int64_t gpus_per_node = 0;
  std::int64_t ranks_per_node = 0;  // 0: gpus_per_node, or what the mesh needs of each node
  std::vector<std::string> meshes;  // for fewer ranks than the mesh has, best first: "dp=2 tp=2"; empty: dp shrinks
  Binding bind = Binding::automatic;
  std::string interface;                 // of Open MPI and NCCL alike: eth0, or 10.1.0.0/16; empty: theirs to choose
  std::string hosts;                     // a hostfile; empty: this machine
  std::vector<std::string> environment;  // NAME=VALUE for every rank
  std::vector<std::string> modules;      // `module load` each, before anything runs
  std::string partition, account, qos, constraint;
  std::vector<std::string> options;  // further words of sbatch
  Seconds time = {0};                // 0: no limit
  Seconds warning = {120};           // before the end of the time: save and come back
  Comeback comeback = Comeback::requeue;
  std::int64_t starts = 100;  // of a job, the first included
  std::int64_t stalled = 3;   // starts in a row from the same step: stop

  bool operator==(const LaunchSection&) const = default;
};

}  // namespace ergon
