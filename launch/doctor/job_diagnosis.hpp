// SPDX-License-Identifier: Apache-2.0
// What the facts of all ranks mean for a job of them. Pure: the tests plant jobs. `broken` is what a job would fail of.
#pragma once

#include <vector>

#include "launch/doctor/examined_job.hpp"
#include "launch/doctor/job_finding.hpp"

namespace ergon {

// The mesh, what ranks must agree about, how they reach each other, what they have; then what launch/doctor/diagnosis says of each machine,
// less that which a job is judged by otherwise (mpirun, cores).
std::vector<JobFinding> diagnose_job(const ExaminedJob& job);

}  // namespace ergon
