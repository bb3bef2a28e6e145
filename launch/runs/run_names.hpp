// SPDX-License-Identifier: Apache-2.0
// What a person calls a run: its folder, or the number of its job.
#pragma once

#include <string>

namespace ergon {

// The folder of a run. A number that is no folder is asked of Slurm: the job's output lies in RUN/logs. Throws Error (ExitCode::data) when
// neither is there.
std::string run_folder_of(const std::string& run_or_job);

// RUN of "RUN/logs/job_17.out"; empty for another name.
std::string run_of_output(const std::string& output);

}  // namespace ergon
