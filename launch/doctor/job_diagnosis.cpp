// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/job_diagnosis.hpp"

#include <algorithm>

#include "launch/doctor/job_agreement.hpp"
#include "launch/doctor/job_fitness.hpp"
#include "launch/doctor/job_links.hpp"

namespace ergon {
namespace {

std::vector<Finding> of_machine(const RankFacts& rank) {
  std::vector<Finding> findings;
  std::ranges::copy_if(rank.machine, std::back_inserter(findings),
                       [](const Finding& finding) { return finding.part != "mpirun" && finding.part != "cores"; });
  return findings;
}

}  // namespace

std::vector<JobFinding> diagnose_job(const ExaminedJob& job) {
  std::vector<JobFinding> findings;
  for (const Finding& finding : job.needs.mesh) findings.push_back({finding});
  for (const auto& judge : {judge_binary, judge_versions, judge_processors, judge_clocks, judge_folder, judge_data, judge_checkpoints,
                            judge_start, judge_interfaces, judge_links, judge_cores, judge_state, judge_gpus, judge_products, judge_limits})
    std::ranges::move(judge(job), std::back_inserter(findings));
  std::ranges::move(about_each_kind(job.ranks, of_machine), std::back_inserter(findings));
  return findings;
}

}  // namespace ergon
