// SPDX-License-Identifier: Apache-2.0
// What `ergon launch` will start, worked out from the run file before anything is: ranks, where they lie, and the line of each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configs/run_config.hpp"
#include "launch/jobs/host_file.hpp"

namespace ergon {

struct LaunchPlan {
  LaunchSection launch;
  std::string folder;                // of the run
  std::int64_t ranks = 1;            // of the run file's mesh
  std::int64_t ranks_per_node = 1;   // where by_slot: of the node with the most
  bool by_slot = false;              // nodes have different numbers of ranks: as many as their slots
  std::int64_t threads = 1;          // of a rank
  bool elastic = false;              // fewer ranks will do
  bool by_mpirun = false;            // of a job: mpirun starts its ranks, where srun has no PMIx
  bool restart = false;              // of a job: its first start begins a run without a checkpoint again
  std::vector<std::string> train;    // words that each rank runs: this program, train, the run file, its keys
  std::vector<std::string> program;  // this program, for what else a script asks of it
};

// file, overrides: as `ergon train` takes them; program: the path of ergon; hosts: of launch.hosts, which say how many ranks each takes
// where no key does. Throws Error: ExitCode::world when there are too few places for the ranks, ExitCode::config for keys that contradict
// each other.
LaunchPlan plan_launch(const RunConfig& config, const std::string& file, const std::vector<std::string>& overrides,
                       const std::string& program, const std::vector<Host>& hosts = {});

}  // namespace ergon
