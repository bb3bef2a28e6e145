// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/job_links.hpp"

#include "tests/launch/doctor/planted_job.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::planted_job;
using test::told;

namespace {

void give_docker(RankFacts& rank) { rank.interfaces.push_back({"docker0", "172.17.0.1", 16, false}); }

}  // namespace

TEST_CASE("job_links: one node needs no network, several need one that all have") {
  ExaminedJob job = planted_job(4, 1);
  CHECK(told(judge_interfaces(job)) == "good interface: one node: ranks talk through its memory");
  job.needs.interface = std::string("ib0");
  CHECK(told(judge_interfaces(job)) == "note interface: no interface ib0; there are eth0, lo");
  job = planted_job(4, 1);
  for (RankFacts& rank : job.ranks) rank.interfaces.resize(1);  // loopback
  CHECK(judge_interfaces(job)[0].finding.condition == Condition::good);

  job = planted_job(4, 2);
  CHECK(told(judge_interfaces(job)) == "good interface: eth0");
  job.ranks[2].interfaces.resize(1);  // loopback
  CHECK(told(judge_interfaces(job)) == "broken interface [2]: no network but loopback");
}

TEST_CASE("job_links: ranks of several nodes that Slurm lets begin one by one") {
  ExaminedJob job = planted_job(4, 2);
  CHECK(judge_start(job).empty());
  for (RankFacts& rank : job.ranks) rank.mixed_fences = true;
  CHECK(told(judge_start(job)) ==
        "poor start: with Slurm's default of SLURM_PMIX_FENCE a rank may now and then die of SIGSEGV in MPI_Init");
  job = planted_job(4, 1);
  for (RankFacts& rank : job.ranks) rank.mixed_fences = true;
  CHECK(judge_start(job).empty());
}

TEST_CASE("job_links: a rule that some nodes cannot follow is broken, and the cure names who said it") {
  ExaminedJob job = planted_job(4, 2);
  for (RankFacts& rank : job.ranks) rank.rule = std::string("ib0");
  job.ranks[0].interfaces.push_back({"ib0", "10.2.0.1", 16, false});
  CHECK(told(judge_interfaces(job)) == "broken interface [1,2,3]: no interface ib0; there are eth0, lo");
  CHECK(judge_interfaces(job)[0].finding.cure.find("OMPI_MCA_btl_tcp_if_include") != std::string::npos);
  job.needs.interface = std::string("10.1.0.0/16");
  CHECK(told(judge_interfaces(job)) ==
        "note interface: launch.interface = 10.1.0.0/16, but these ranks were started with OMPI_MCA_btl_tcp_if_include=ib0");
  job.needs.interface = std::string("ib0");
  CHECK(judge_interfaces(job)[0].finding.cure.find("launch.interface") != std::string::npos);
  CHECK(rule_of(job, job.ranks[0]) == "ib0");
}

TEST_CASE("job_links: two interfaces and no word which; one address on two nodes") {
  ExaminedJob job = planted_job(4, 2);
  for (RankFacts& rank : job.ranks) rank.interfaces.push_back({"ib0", fmt::format("10.2.0.{}", 1 + rank.rank / 2), 16, false});
  CHECK(told(judge_interfaces(job)) == "note interface: eth0, ib0: Open MPI and NCCL choose each for itself");
  CHECK(judge_interfaces(job)[0].finding.cure == "say which: launch.interface = \"eth0\"");
  job = planted_job(4, 2);
  for (RankFacts& rank : job.ranks) give_docker(rank);
  CHECK(told(judge_interfaces(job)) == "poor interface: docker0 has the same address on several nodes");
  job.needs.interface = std::string("eth0");
  CHECK(told(judge_interfaces(job)) == "good interface: eth0");
}

TEST_CASE("job_links: a link that is slower than the others, or slow by any measure") {
  ExaminedJob job = planted_job(6, 3);
  CHECK(judge_links(job).empty());
  job.pairs = {{{PairClass::same_domain, 0, 1}, "", {8e-7}, 5.12e9},
               {{PairClass::different_nodes, 0, 2}, "eth0", {1.6e-5}, 1e9},
               {{PairClass::different_nodes, 2, 4}, "eth0", {1.6e-5}, 1.1e9},
               {{PairClass::different_nodes, 0, 4}, "eth0", {1.6e-5}, 0.9e9}};
  CHECK(told(judge_links(job)) == "good links: same NUMA domain 0.8 us, 5.1 GB/s; different nodes 16.0 us, 1.0 GB/s");
  job.pairs[3].rate = 2e8;
  CHECK(told(judge_links(job)) == "poor links [0,4]: 200 MB/s between node0 and node2 over eth0; the median of the nodes is 1.0 GB/s");
  job.pairs.resize(2);
  job.pairs[1].rate = 4e7;
  CHECK(judge_links(job)[0].finding.condition == Condition::poor);
  CHECK(time_text({0.0034}) == "3.4 ms");
  CHECK(time_text({2}) == "2.0 s");
}
