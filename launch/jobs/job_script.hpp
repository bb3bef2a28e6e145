// SPDX-License-Identifier: Apache-2.0
// The batch script of a run under Slurm: a text that a person can read, keep, change and submit again.
//
// It starts the ranks with srun and PMIx, or mpirun, passes USR1, USR2 and TERM on to them as USR1 (either would kill them on TERM), and
// lets the job come back only when result.json of this very start says "saved, run me again" and Slurm says that the job runs: a cancelled
// job stays cancelled.
#pragma once

#include <string>

#include "launch/jobs/launch_plan.hpp"

namespace ergon {

struct JobFacts {
  std::string working_folder;  // absolute: relative names of the run file are found from there
  std::string script;          // absolute path of the script itself: what a chain submits next
};

// Throws Error (ExitCode::config) for a name that no quoting makes safe in a script.
std::string job_script(const LaunchPlan& plan, const JobFacts& facts);

// 26:03:04 is "1-02:03:04", as sbatch takes it; rounded up to a second.
std::string slurm_time(Seconds time);

}  // namespace ergon
