// SPDX-License-Identifier: Apache-2.0
// A limit for the time before there is a watchdog: MPI waits without end for a rank that died as it began, and a job whose launcher leaves
// the living alone (srun --kill-on-bad-exit=0) would hold its nodes until its time is over.
#pragma once

#include <memory>

#include "configs/quantities.hpp"
#include "parallel/deadline.hpp"

namespace ergon {

// ERGON_START_LIMIT as the environment has it ("20 min"), else that of a watchdog by default, 10 min: the run file is read once the ranks
// have met. `variable` looks up the environment: null where a variable is not set. Throws Error (ExitCode::config) for what is no time
// longer than 0.
Seconds start_limit(const char* (*variable)(const char* name));

// To be destroyed when the ranks have met. Past the limit it says what this rank waits for, and ends the process with ExitCode::stuck.
std::unique_ptr<Deadline> limit_start();

}  // namespace ergon
