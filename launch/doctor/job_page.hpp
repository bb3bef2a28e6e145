// SPDX-License-Identifier: Apache-2.0
// What `ergon doctor` prints of a job: a table of ranks, one of pairs, the findings, a verdict; or the same as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "launch/doctor/examined_job.hpp"
#include "launch/doctor/job_finding.hpp"

namespace ergon {

std::string job_page(const ExaminedJob& job, const std::vector<JobFinding>& findings);

// "good    mpi            ranks 0-3: ...", and a line with the cure where there is one.
std::string findings_text(const std::vector<JobFinding>& findings);

// Schema ergon.doctor.v1: usable, findings; of a job also ranks and pairs.
nlohmann::ordered_json findings_json(const std::vector<JobFinding>& findings);
nlohmann::ordered_json job_json(const ExaminedJob& job, const std::vector<JobFinding>& findings);

}  // namespace ergon
