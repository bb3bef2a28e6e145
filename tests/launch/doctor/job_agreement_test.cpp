// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/job_agreement.hpp"

#include "tests/launch/doctor/planted_job.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::planted_job;
using test::told;

TEST_CASE("job_agreement: one rank with another program") {
  ExaminedJob job = planted_job(4, 2);
  CHECK(told(judge_binary(job)) == "good binary: 3fa2b1c0d4e5, SHA-256 9c41d07755aa");
  job.ranks[3].binary = std::string("77aa");
  CHECK(told(judge_binary(job)) == "broken binary: ranks 0-2 have 3fa2b1c0d4e5, rank 3 has 77aa");
  CHECK(judge_binary(job)[0].finding.cure.find("same file") != std::string::npos);
}

TEST_CASE("job_agreement: one build id, and a file that differs all the same") {
  ExaminedJob job = planted_job(4, 2);
  job.ranks[2].file_hash = std::string("55bb");
  CHECK(told(judge_binary(job)) ==
        "broken binary: one build id, 3fa2b1c0d4e5, but files that differ, by SHA-256: ranks 0-1,3 have 9c41d07755aa, rank 2 has 55bb");
  job.ranks[2].file_hash.clear();
  CHECK(told(judge_binary(job)) == "note binary [2]: the program's file may be run but not read: its SHA-256 is unknown");
}

TEST_CASE("job_agreement: data that a rank cannot read, or finds another file under its name") {
  ExaminedJob job = planted_job(4, 2);
  CHECK(told(judge_data(job)) == "good data: 3 files of 3.0 GiB together, read by every rank");
  for (RankFacts& rank : job.ranks) rank.data.push_back({"data.validation", "v.h5", "", 1, {1000}});
  for (const std::size_t rank : {2, 3}) job.ranks[rank].data[0].problem = std::string("does not exist");
  CHECK(told(judge_data(job)) == "broken data [2,3]: data.train '/shared/t.json': does not exist");
  CHECK(judge_data(job)[0].finding.cure.find("all nodes share") != std::string::npos);
  job.ranks[1].data[1].bytes = {999};
  CHECK(told(judge_data(job), 1) == "broken data: data.validation 'v.h5': ranks 0,2-3 have 1000 bytes, rank 1 has 999 bytes");
  for (RankFacts& rank : job.ranks) rank.data.clear();
  CHECK(judge_data(job).empty());
}

TEST_CASE("job_agreement: library versions that differ, MPI's above all") {
  ExaminedJob job = planted_job(4, 2);
  CHECK(told(judge_versions(job)) == "good versions: ergon 0.1.0, mpi Open MPI v4.1.4, torch 2.11.0");
  job.ranks[1].versions["torch"] = std::string("2.10.0");
  job.ranks[2].versions["nccl"] = std::string("2.28.9");
  CHECK(told(judge_versions(job), 0) == "poor versions: nccl: ranks 0-1,3 have none, rank 2 has 2.28.9");
  CHECK(told(judge_versions(job), 1) == "poor versions: torch: ranks 0,2-3 have 2.11.0, rank 1 has 2.10.0");
  job = planted_job(2, 1);
  job.ranks[1].versions["mpi"] = std::string("Open MPI v5.0.1");
  CHECK(told(judge_versions(job)) == "broken versions: mpi: rank 0 has Open MPI v4.1.4, rank 1 has Open MPI v5.0.1");
}

TEST_CASE("job_agreement: another processor is worth a note") {
  ExaminedJob job = planted_job(2, 2);
  CHECK(told(judge_processors(job)) == "good processor: Planted 9000, AVX512");
  job.ranks[1].processor = std::string("Old 1, AVX2");
  CHECK(told(judge_processors(job)) == "note processor: rank 0 has Planted 9000, AVX512, rank 1 has Old 1, AVX2");
}

TEST_CASE("job_agreement: a clock that is 3 s off, and one that only might be") {
  ExaminedJob job = planted_job(4, 2);
  CHECK(told(judge_clocks(job)) == "good clock: within 0.12 ms of rank 0's");
  job.ranks[2].clock = job.ranks[3].clock = {{3.04}, {0.001}};
  CHECK(told(judge_clocks(job)) == "poor clock [2,3]: the clock of node1 is 3.0 s ahead of that of node0");
  job.ranks[2].clock = job.ranks[3].clock = {{-3.04}, {0.001}};
  CHECK(told(judge_clocks(job)) == "poor clock [2,3]: the clock of node1 is 3.0 s behind that of node0");
  job.ranks[2].clock = job.ranks[3].clock = {{3}, {2.5}};
  CHECK(judge_clocks(job)[0].finding.condition == Condition::good);
}

TEST_CASE("job_agreement: the folder must be one, where it is the run's") {
  ExaminedJob job = planted_job(4, 2);
  CHECK(told(judge_folder(job)) == "good folder: /shared/run, the same for all ranks");
  job.ranks[1].folder.sees = false;
  job.ranks[1].folder.waited = {5};
  CHECK(told(judge_folder(job)) == "broken folder [1]: in /shared/run a file that rank 0 wrote is not there after 5 s");
  CHECK(judge_folder(job)[0].finding.cure.find("run.folder") != std::string::npos);
  job.needs.folder_named = false;
  CHECK(judge_folder(job)[0].finding.condition == Condition::poor);
  CHECK(judge_folder(job)[0].finding.cure.find("--run") != std::string::npos);
}

TEST_CASE("job_agreement: a folder that cannot be written, or is seen in one direction only, or late") {
  ExaminedJob job = planted_job(4, 2);
  job.ranks[2].folder.problem = std::string("Read-only file system");
  CHECK(told(judge_folder(job)) == "broken folder [2]: nothing can be written in /shared/run: Read-only file system");
  job = planted_job(4, 2);
  job.ranks[3].folder.there = job.ranks[3].folder.sees = false;
  CHECK(told(judge_folder(job)) == "broken folder [3]: there is no folder /shared/run, or it may not be entered");
  job = planted_job(4, 2);
  job.ranks[2].folder.is_seen = false;
  CHECK(told(judge_folder(job)) == "broken folder [2]: what is written in /shared/run rank 0 does not see");
  job = planted_job(4, 2);
  job.ranks[0].folder.problem = std::string("Permission denied");
  for (RankFacts& rank : job.ranks) rank.folder.sees = false;  // nobody can see what was not written
  CHECK(judge_folder(job).size() == 1);
  CHECK(told(judge_folder(job)) == "broken folder [0]: nothing can be written in /shared/run: Permission denied");
  job = planted_job(4, 2);
  job.ranks[3].folder.waited = {3.2};
  CHECK(told(judge_folder(job)) == "note folder: /shared/run: rank 3 saw a new file after 3.2 s");
}
