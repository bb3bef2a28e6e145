// SPDX-License-Identifier: Apache-2.0
// Whether the machines of a job have what its ranks want: processors, memory, room for checkpoints, devices, limits. Pure.
#pragma once

#include <vector>

#include "launch/doctor/examined_job.hpp"
#include "launch/doctor/job_finding.hpp"

namespace ergon {

std::vector<JobFinding> judge_cores(const ExaminedJob& job);
// Of devices where the run computes on them, else of nodes. Nothing where no run file says how much, or no device how much it has.
std::vector<JobFinding> judge_state(const ExaminedJob& job);
std::vector<JobFinding> judge_checkpoints(const ExaminedJob& job);
// Nothing where no rank sees a device and the run wants none.
std::vector<JobFinding> judge_gpus(const ExaminedJob& job);
// Nothing where no products were timed.
std::vector<JobFinding> judge_products(const ExaminedJob& job);
std::vector<JobFinding> judge_limits(const ExaminedJob& job);

std::string flops_text(FlopsPerSecond rate);  // "41.2 GFLOP/s", "0.61 PFLOP/s"; "-" for 0

}  // namespace ergon
