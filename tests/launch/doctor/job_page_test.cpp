// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/job_page.hpp"

#include <nlohmann/json.hpp>

#include "tests/launch/doctor/planted_job.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::planted_job;

namespace {

const std::vector<JobFinding> findings = {{{"clock", Condition::good, "within 1 ms", ""}, {}},
                                          {{"limits", Condition::broken, "100 open files", "ulimit -n 4096"}, {1, 2, 3}}};

ExaminedJob two_nodes() {
  ExaminedJob job = planted_job(4, 2);
  job.ranks[3].versions["torch"] = std::string("2.10.0");
  job.pairs = {{{PairClass::same_domain, 0, 1}, "", {8e-7}, 5.12e9}, {{PairClass::different_nodes, 0, 2}, "eth0", {1.6e-5}, 1e9}};
  return job;
}

}  // namespace

TEST_CASE("job_page: ranks, pairs, findings, verdict") {
  CHECK(job_page(two_nodes(), findings) ==
        "4 ranks on 2 nodes\n\n"
        "rank  host   local   processors  memory   disk       interface  clock            gpu  products      binary    libraries\n"
        "0     node0  0 of 2  0-7         8.0 GiB  100.0 GiB  eth0       0                -    40.0 GFLOP/s  9c41d077  A\n"
        "1     node0  1 of 2  0-7         8.0 GiB  100.0 GiB  eth0       +0.1 +- 0.02 ms  -    40.0 GFLOP/s  9c41d077  A\n"
        "2     node1  0 of 2  0-7         8.0 GiB  100.0 GiB  eth0       +0.1 +- 0.02 ms  -    40.0 GFLOP/s  9c41d077  A\n"
        "3     node1  1 of 2  0-7         8.0 GiB  100.0 GiB  eth0       +0.1 +- 0.02 ms  -    40.0 GFLOP/s  9c41d077  B\n\n"
        "pair              ranks  over    8 B      4 MiB\n"
        "same NUMA domain  0, 1   memory  0.8 us   5.1 GB/s\n"
        "different nodes   0, 2   eth0    16.0 us  1.0 GB/s\n\n"
        "good    clock          within 1 ms\n"
        "broken  limits         ranks 1-3: 100 open files\n"
        "                       -> ulimit -n 4096\n\n"
        "verdict: broken; a job on these ranks would fail: limits\n");
  ExaminedJob missing = two_nodes();
  missing.ranks[2].folder.there = false;
  CHECK(job_page(missing, findings).find("8.0 GiB  missing    eth0") != std::string::npos);
  CHECK(job_page(planted_job(1, 1), {findings[0]}).find("verdict: good; nothing found") != std::string::npos);
}

TEST_CASE("job_page: the same as JSON") {
  const auto json = job_json(two_nodes(), findings);
  CHECK(json["schema"] == "ergon.doctor.v1");
  CHECK(json["usable"] == false);
  CHECK(json["findings"][1]["verdict"] == "broken");
  CHECK(json["findings"][1]["ranks"] == nlohmann::ordered_json({1, 2, 3}));
  CHECK_FALSE(json["findings"][0].contains("ranks"));
  CHECK(json["ranks"].size() == 4);
  CHECK(json["ranks"][3]["host"] == "node1");
  CHECK(json["pairs"][1]["class"] == "different nodes");
  CHECK(json["pairs"][1]["bytes_per_second"] == 1e9);
  CHECK(findings_json({findings[0]})["usable"] == true);
}
