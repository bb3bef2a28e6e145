// SPDX-License-Identifier: Apache-2.0
// What this run was given by whoever started it: places, a job, and since when its process has lived.
#pragma once

#include <optional>
#include <string>

#include "accounting/ledger.hpp"
#include "configs/clock.hpp"
#include "launch/jobs/slurm.hpp"

namespace ergon {

// All but `started`. ranks: that were started, idle ones too; ERGON_PLACES says of how many places of the allocation (job scripts set it).
// job: what Slurm says of the job that this process is in, if it is in one. `variable` looks up the environment: null where a variable is
// not set. Throws Error (ExitCode::world) for an ERGON_PLACES that is no number, or below `ranks`.
AllocationStamp own_allocation(int ranks, const std::optional<SlurmJob>& job, const char* (*variable)(const char* name));

// The number to say for a job that `ergon launch` has made, whoever has submitted its script this time: of an array, that of the whole.
// Empty for any other allocation, which holds more than this run.
std::string launched_job(const std::optional<SlurmJob>& job, const char* (*variable)(const char* name));

// When this process was started: before its libraries were loaded.
Clock::time_point process_start();

}  // namespace ergon
