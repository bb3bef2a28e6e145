// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/job_fitness.hpp"

#include "tests/launch/doctor/planted_job.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::planted_job;
using test::told;

TEST_CASE("job_fitness: more ranks than processors") {
  ExaminedJob job = planted_job(8, 2);
  CHECK(told(judge_cores(job)) == "good cores: 1 thread a rank, each with a processor");
  job.needs.threads = 3;
  CHECK(told(judge_cores(job)) == "poor cores: 4 ranks of 3 threads on 8 processors of a node");
  job = planted_job(8, 2);
  for (int rank : {4, 5, 6, 7}) job.ranks[static_cast<std::size_t>(rank)].processors = {0};  // bound to the first by their launcher
  CHECK(told(judge_cores(job)) == "poor cores [4,5,6,7]: 4 ranks of 1 thread on 1 processor of a node");
  job = planted_job(8, 2);
  job.ranks[0].quota = 2;
  CHECK(told(judge_cores(job)) == "poor cores [0,1,2,3]: 4 ranks of 1 thread on 2 processors of a node");
  job.ranks[1].binding_problem = std::string("no processor for it");
  job.ranks[1].binding_cure = std::string("none");
  CHECK(told(judge_cores(job), 1) == "broken cores [1]: no processor for it");
}

TEST_CASE("job_fitness: a model that a node cannot hold") {
  ExaminedJob job = planted_job(4, 2);
  CHECK(judge_state(job).empty());
  job.needs.state = {3LL << 30};
  CHECK(told(judge_state(job)) == "good state: about 3.0 GiB a rank for parameters and moments");
  job.needs.state = {5LL << 30};
  CHECK(told(judge_state(job)) == "poor state: parameters and moments alone take about 10.0 GiB of a node, and 8.0 GiB are free");
  job.needs.state = {9LL << 30};
  CHECK(judge_state(job)[0].finding.condition == Condition::broken);
  job.needs.cuda = true;
  CHECK(judge_state(job).empty());  // of devices nothing is known
}

TEST_CASE("job_fitness: a model that a device cannot hold") {
  ExaminedJob job = planted_job(4, 2);
  job.needs.cuda = true;
  for (RankFacts& rank : job.ranks) {
    rank.gpu = fmt::format("0000:0{}:00.0", rank.local.rank);  // the same addresses on two nodes are two devices
    rank.gpu_memory = {{80LL << 30}, {79LL << 30}};
  }
  job.needs.state = {70LL << 30};  // more than the memory of the nodes
  CHECK(told(judge_state(job)) == "good state: about 70.0 GiB a rank for parameters and moments");
  job.needs.state = {90LL << 30};
  CHECK(told(judge_state(job)) ==
        "broken state: parameters and moments alone take about 90.0 GiB of a device, and 79.0 GiB of 80.0 GiB are free");
  CHECK(judge_state(job)[0].finding.cure.starts_with("spread the model over more devices"));
  job.needs.equal_parts = false;  // some stage has the average or more
  CHECK(judge_state(job)[0].finding.condition == Condition::broken);
}

TEST_CASE("job_fitness: a device that another program fills") {
  ExaminedJob job = planted_job(4, 2);
  job.needs.cuda = true;
  job.needs.state = {30LL << 30};
  for (RankFacts& rank : job.ranks) {
    rank.gpu = fmt::format("0000:0{}:00.0", rank.local.rank);
    rank.gpu_memory.total = {80LL << 30};  // nothing is known of what is free
  }
  CHECK(judge_state(job)[0].finding.condition == Condition::good);
  job.ranks[2].gpu_memory.free = {20LL << 30};
  CHECK(told(judge_state(job)) ==
        "broken state [2]: parameters and moments alone take about 30.0 GiB of a device, and 20.0 GiB of 80.0 GiB are free");
  CHECK(judge_state(job)[0].finding.cure.find("nvidia-smi") != std::string::npos);
  job.needs.equal_parts = false;  // its stage may be a small one
  CHECK(judge_state(job)[0].finding.condition == Condition::poor);
  job.ranks[2].gpu_memory.free = {10LL << 30};
  CHECK(judge_state(job)[0].finding.condition == Condition::broken);
  job.ranks[2].gpu_memory.free = {50LL << 30};
  job.ranks[3].gpu = job.ranks[2].gpu;  // two ranks on it
  job.ranks[3].gpu_memory = job.ranks[2].gpu_memory;
  CHECK(told(judge_state(job)) ==
        "poor state [2,3]: parameters and moments alone take about 60.0 GiB of a device, and 50.0 GiB of 80.0 GiB are free");
}

TEST_CASE("job_fitness: room for one checkpoint, and for all that are kept") {
  ExaminedJob job = planted_job(4, 2);
  CHECK(judge_checkpoints(job).empty());
  job.needs.checkpoint = {10LL << 30};
  job.needs.checkpoints = 4;
  CHECK(told(judge_checkpoints(job)) == "good checkpoints: about 10.0 GiB each, 4 together; 100.0 GiB free in /shared/run");
  job.ranks[2].folder.free = {20LL << 30};
  CHECK(told(judge_checkpoints(job)) == "poor checkpoints: about 10.0 GiB each, 4 together; 20.0 GiB free in /shared/run");
  job.ranks[2].folder.free = {5LL << 30};
  CHECK(judge_checkpoints(job)[0].finding.condition == Condition::broken);
  job.ranks[2].folder.free = {0};
  job.ranks[2].folder.there = false;  // nothing is known of what is free where there is nothing
  CHECK(told(judge_checkpoints(job)) == "good checkpoints: about 10.0 GiB each, 4 together; 100.0 GiB free in /shared/run");
  for (RankFacts& rank : job.ranks) rank.folder.there = false;
  CHECK(judge_checkpoints(job).empty());
}

TEST_CASE("job_fitness: a rank without a device, and two on one") {
  ExaminedJob job = planted_job(4, 2);
  CHECK(judge_gpus(job).empty());
  for (RankFacts& rank : job.ranks) rank.gpu = fmt::format("0000:0{}:00.0", rank.local.rank);
  CHECK(told(judge_gpus(job)) == "good gpu: a device for each rank");  // the same addresses on two nodes are two devices
  job.ranks[3].gpu.clear();
  job.ranks[3].gpu_problem = std::string("a driver answers, but no CUDA device is visible here");
  job.ranks[3].gpu_cure = std::string("--gres=gpu:N");
  CHECK(told(judge_gpus(job)) == "poor gpu [3]: a driver answers, but no CUDA device is visible here");
  job.needs.cuda = true;
  CHECK(told(judge_gpus(job)) == "broken gpu [3]: a driver answers, but no CUDA device is visible here");
  job.ranks[3].gpu = job.ranks[2].gpu;
  CHECK(told(judge_gpus(job)) == "broken gpu [2,3]: the same device, node1 0000:00:00.0");
  job.needs.cuda = false;
  CHECK(judge_gpus(job)[0].finding.condition == Condition::poor);
  job = planted_job(2, 1);
  job.needs.cuda = true;
  CHECK(told(judge_gpus(job)) == "broken gpu: none");
}

TEST_CASE("job_fitness: a rank that multiplies half as fast, a device far below its peak") {
  ExaminedJob job = planted_job(4, 2);
  CHECK(told(judge_products(job)) == "good products: float32 40.0 GFLOP/s, the slowest 40.0 GFLOP/s");
  job.ranks[1].products = {19e9};
  CHECK(told(judge_products(job)) == "poor products [1]: 19.0 GFLOP/s on node0; the median is 40.0 GFLOP/s");
  job = planted_job(2, 1);
  for (RankFacts& rank : job.ranks) rank.gpu = std::string("0000:01:00.0"), rank.products = {6e14};
  job.needs.peak = Peak{{9.89e14}, "a table"};
  CHECK(told(judge_products(job)) == "good products: bfloat16 600.0 TFLOP/s, the slowest 600.0 TFLOP/s, 60.7 % of the peak");
  for (RankFacts& rank : job.ranks) rank.products = {3e14};
  CHECK(told(judge_products(job)) == "poor products [0]: 300.0 TFLOP/s on node0; the median is 300.0 TFLOP/s, the peak 989.0 TFLOP/s");
  for (RankFacts& rank : job.ranks) rank.products = {0};
  CHECK(judge_products(job).empty());
  CHECK(flops_text({1.2e15}) == "1.20 PFLOP/s");
  CHECK(flops_text({0}) == "-");
}

TEST_CASE("job_fitness: limits that a job would run into") {
  ExaminedJob job = planted_job(4, 2);
  CHECK(told(judge_limits(job)) ==
        "good limits: open files 20000, processes unlimited, locked memory unlimited, stack 8.0 MiB, core files 0 B");
  job.ranks[1].limits.open_files = 33;
  CHECK(told(judge_limits(job)) == "broken limits [1]: 33 open files; a rank, with 2 ranks on other nodes, needs 34");
  job.ranks[1].limits.open_files = 34;  // it would run
  CHECK(told(judge_limits(job)) == "poor limits [1]: 34 open files; 1024 leave room");
  CHECK(judge_limits(job)[0].finding.cure.find("ulimit -n 4096") != std::string::npos);
  job.ranks[1].limits = {-1, 20, {-1}, {-1}, {-1}};
  CHECK(told(judge_limits(job)) == "broken limits [1]: 20 processes and threads; the ranks of a node want 34");
  job.ranks[1].limits = {-1, -1, {-1}, {64 << 10}, {-1}};
  CHECK(told(judge_limits(job)) == "broken limits [1]: a stack of 64.0 KiB");
  job.ranks[1].limits = {-1, -1, {8 << 20}, {-1}, {-1}};
  CHECK(judge_limits(job)[0].finding.condition == Condition::good);
  job.ranks[1].infiniband = true;
  CHECK(told(judge_limits(job)) == "poor limits [1]: 8.0 MiB of locked memory; InfiniBand wants it without limit");
}
