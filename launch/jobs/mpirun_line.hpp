// SPDX-License-Identifier: Apache-2.0
// The line of mpirun (Open MPI 4) that starts the ranks of a run.
//
// What it sets beyond numbers, and why: `odls_base_sigkill_timeout`, because mpirun turns TERM and INT into TERM for the ranks after that
// time and into KILL after it once more, and a save must fit; one interface for Open MPI's two networks and NCCL's, because each picks
// its own otherwise (docker0 hangs btl/tcp); yielding where ranks share cores, because waiting ranks would spin on them; no binding,
// because ranks bind themselves (launch/binding.hpp).
#pragma once

#include <string>
#include <vector>

#include "configs/quantities.hpp"
#include "launch/jobs/launch_plan.hpp"

namespace ergon {

struct MpirunFacts {
  std::int64_t cores = 1;                // of the node with the fewest
  Seconds save = {15};                   // how long a save takes, at most
  std::string logs;                      // a folder: what each rank prints goes there too; empty: nowhere else
  std::vector<std::string> environment;  // names of NCCL_* and ERGON_* variables that are set here and go to all ranks
  std::string prefix = "mpirun";
};

std::vector<std::string> mpirun_words(const LaunchPlan& plan, const MpirunFacts& facts);

// The line as a script that starts the same from any folder; `working_folder` is the one that it was made in.
std::string mpirun_script(const LaunchPlan& plan, const MpirunFacts& facts, const std::string& working_folder);

}  // namespace ergon
