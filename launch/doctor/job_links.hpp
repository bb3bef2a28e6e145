// SPDX-License-Identifier: Apache-2.0
// How the ranks of a job reach each other: which interfaces Open MPI and NCCL would take, and how fast pairs are. Pure.
#pragma once

#include <vector>

#include "launch/doctor/examined_job.hpp"
#include "launch/doctor/job_finding.hpp"

namespace ergon {

// What interfaces a rank's messages to other nodes may take: launch.interface, else what Open MPI was told, else empty.
std::string rule_of(const ExaminedJob& job, const RankFacts& rank);

// Nothing where the ranks meet as they should.
std::vector<JobFinding> judge_start(const ExaminedJob& job);
std::vector<JobFinding> judge_interfaces(const ExaminedJob& job);
// Nothing where no pair was timed.
std::vector<JobFinding> judge_links(const ExaminedJob& job);

std::string time_text(Seconds seconds);    // "1.2 us", "3.4 ms"
std::string rate_text(double per_second);  // bytes: "950 MB/s", "5.1 GB/s"

}  // namespace ergon
