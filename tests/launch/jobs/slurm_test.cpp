// SPDX-License-Identifier: Apache-2.0
#include "launch/jobs/slurm.hpp"

#include <cstdlib>
#include <ctime>

#include "tests/launch/jobs/fake_slurm.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

// As Slurm 22.05 prints it, for a job in a folder with blanks whose name imitates a field.
const std::string line =
    "JobId=17 JobName=x JobState=FAILED y UserId=a(1000) GroupId=a(1000) MCS_label=N/A Priority=4294901759 Nice=0 Account=(null) "
    "QOS=(null) "
    "JobState=RUNNING Reason=None Dependency=(null) Requeue=1 Restarts=3 BatchFlag=1 Reboot=0 ExitCode=0:0 RunTime=00:00:00 "
    "TimeLimit=00:10:00 "
    "TimeMin=N/A SubmitTime=2026-11-28T22:38:03 EligibleTime=2026-11-28T22:38:03 StartTime=2026-11-28T22:38:05 EndTime=2026-11-28T22:48:05 "
    "Deadline=N/A Partition=low AllocNode:Sid=localhost:21000 ReqNodeList=(null) ExcNodeList=(null) NodeList=node[0-1] BatchHost=node0 "
    "NumNodes=2 "
    "Command=/a b/j.sh WorkDir=/a b StdErr=/a b/runs/x/logs/job_17.out StdIn=/dev/null StdOut=/a b/runs/x/logs/job_17.out Power= ";

}  // namespace

TEST_CASE("slurm: a line of scontrol") {
  const auto job = parse_slurm_job(line);
  REQUIRE(job);
  CHECK(job->id == "17");
  CHECK(job->state == "RUNNING");
  CHECK(job->reason.empty());
  CHECK(job->restarts == 3);
  CHECK(job->nodes == "node[0-1]");
  CHECK(job->working_folder == "/a b");
  CHECK(job->output == "/a b/runs/x/logs/job_17.out");
  CHECK(job->in_queue());
  REQUIRE(job->end);
  CHECK(*job->end == parse_slurm_time("2026-11-28T22:48:05"));
  CHECK(job->submitted == parse_slurm_time("2026-11-28T22:38:03"));
  CHECK(job->started == parse_slurm_time("2026-11-28T22:38:05"));
  CHECK_FALSE(parse_slurm_job(""));
  CHECK_FALSE(parse_slurm_job("slurm_load_jobs error: Invalid job id specified"));
}

TEST_CASE("slurm: the output ends where the next field begins, whichever a version prints") {
  const auto output_with = [](const std::string& behind) { return parse_slurm_job(line.substr(0, line.find("Power=")) + behind)->output; };
  for (const char* behind :
       {"", "Power= ", "TresPerNode=gres/gpu:8 ", "TresPerJob=gres/gpu:8 TresPerTask=cpu=2 ", "MailUser=a MailType=END ",
        "KillOInInvalidDependent=No CpusPerTres=gpu:4 ", "Switches=1@00:10:00 Power= ", "Container=/c "})
    CHECK(output_with(behind) == "/a b/runs/x/logs/job_17.out");
  std::string commented = line;
  commented.replace(commented.find(" StdErr="), 1, " Comment=a word  ");
  CHECK(parse_slurm_job(commented)->working_folder == "/a b");
}

TEST_CASE("slurm: what waits, what has begun, what is over") {
  const auto state = [](const std::string& name) {
    SlurmJob job;
    job.state = name;
    CHECK(job.in_queue() == (job.waits() || job.has_begun()));
    return job.waits() ? 'w' : job.has_begun() ? 'b' : '-';
  };
  for (const char* name : {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"})
    CHECK(state(name) == 'w');
  for (const char* name : {"RUNNING", "SUSPENDED", "STOPPED", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT"})
    CHECK(state(name) == 'b');
  for (const char* name : {"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "REVOKED"}) CHECK(state(name) == '-');
}

TEST_CASE("slurm: of the tasks of an array the one that has begun counts") {
  const test::FakeSlurm slurm;
  const auto told = [&](const std::string& lines) {
    slurm.says(lines);
    return slurm_job("17")->id;
  };
  CHECK(told("JobId=18 JobState=PENDING\nJobId=17 JobState=SUSPENDED\n") == "17");
  CHECK(told("JobId=17 JobState=SUSPENDED\nJobId=18 JobState=PENDING\n") == "17");
  CHECK(told("JobId=17 JobState=COMPLETING\nJobId=18 JobState=RUNNING\nJobId=19 JobState=PENDING\n") == "18");
  CHECK(told("JobId=17 JobState=COMPLETED\nJobId=18 JobState=FAILED\n") == "18");
}

TEST_CASE("slurm: times are those of this machine's clock, and no time is none") {
  const auto time = parse_slurm_time("2026-11-28T22:38:05");
  REQUIRE(time);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(*time);
  std::tm local = {};
  localtime_r(&seconds, &local);
  CHECK(local.tm_hour == 22);
  CHECK(local.tm_min == 38);
  CHECK(local.tm_sec == 5);
  for (const char* text : {"Unknown", "N/A", "UNLIMITED", "", "2026-11-28", "2026-11-28T22:38:05x"}) CHECK_FALSE(parse_slurm_time(text));
}

TEST_CASE("slurm: what is a job's number") {
  for (const char* id : {"1", "1234567", "12_3"}) CHECK(is_job_id(id));
  for (const char* id : {"", "runs/a", "12a", "-1", "_1", "1_", "1 2"}) CHECK_FALSE(is_job_id(id));
}
