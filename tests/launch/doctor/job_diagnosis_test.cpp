// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/job_diagnosis.hpp"

#include <set>

#include "tests/launch/doctor/planted_job.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::planted_job;

TEST_CASE("job_diagnosis: a sound job has nothing wrong, and every part is looked at") {
  ExaminedJob job = planted_job(4, 2);
  job.needs.mesh = {{"mesh", Condition::good, "dp=4", ""}};
  job.needs.checkpoint = job.needs.state = {1 << 20};
  job.pairs = {{{PairClass::different_nodes, 0, 2}, "eth0", {1e-5}, 1e9}};
  for (RankFacts& rank : job.ranks) rank.gpu = fmt::format("0000:0{}:00.0", rank.local.rank);
  const std::vector<JobFinding> findings = diagnose_job(job);
  std::set<std::string> parts;
  for (const JobFinding& one : findings) {
    INFO(one.finding.part << ": " << one.finding.found);
    CHECK(one.finding.condition == Condition::good);
    CHECK(one.finding.cure.empty());
    parts.insert(one.finding.part);
  }
  // What a machine says of mpirun and cores is not asked in a job.
  CHECK(parts == std::set<std::string>{"mesh", "binary", "versions", "processor", "clock", "folder", "data", "checkpoints", "interface",
                                       "links", "cores", "state", "gpu", "products", "limits", "memory"});
}

TEST_CASE("job_diagnosis: one thing broken is enough") {
  ExaminedJob job = planted_job(4, 2);
  CHECK(worst(diagnose_job(job)) == Condition::good);
  job.ranks[3].machine.push_back({"disk", Condition::broken, "1 MiB free", "make room"});
  CHECK(worst(diagnose_job(job)) == Condition::broken);
}
