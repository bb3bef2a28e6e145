// SPDX-License-Identifier: Apache-2.0
// What the ranks of a job must have in common: the program and its libraries, the time, the run folder, the data. Pure; each gives one
// finding or more, whether good or not.
#pragma once

#include <vector>

#include "launch/doctor/examined_job.hpp"
#include "launch/doctor/job_finding.hpp"

namespace ergon {

std::vector<JobFinding> judge_binary(const ExaminedJob& job);
std::vector<JobFinding> judge_versions(const ExaminedJob& job);
std::vector<JobFinding> judge_processors(const ExaminedJob& job);
std::vector<JobFinding> judge_clocks(const ExaminedJob& job);
std::vector<JobFinding> judge_folder(const ExaminedJob& job);
// Nothing where no run file names data.
std::vector<JobFinding> judge_data(const ExaminedJob& job);

}  // namespace ergon
