// SPDX-License-Identifier: Apache-2.0
#include "launch/jobs/own_allocation.hpp"

#include <map>
#include <string>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::map<std::string, std::string> environment;
const char* variable(const char* name) {
  const auto found = environment.find(name);
  return found == environment.end() ? nullptr : found->second.c_str();
}

}  // namespace

TEST_CASE("own allocation: the ranks, and no job") {
  environment = {};
  const AllocationStamp stamp = own_allocation(4, std::nullopt, variable);
  CHECK(stamp == AllocationStamp{{0}, 4, "", 0, {0}, {0}});
}

TEST_CASE("own allocation: places of the job script, and what Slurm says of the job") {
  environment = {{"ERGON_PLACES", "6"}, {"SLURM_JOB_ID", "17"}, {"SLURM_RESTART_COUNT", "3"}};
  SlurmJob job;
  job.submitted = std::chrono::system_clock::time_point(std::chrono::seconds(1000));
  CHECK(own_allocation(4, job, variable) == AllocationStamp{{0}, 6, "17", 3, {1000}, {0}});
  job.started = std::chrono::system_clock::time_point(std::chrono::seconds(1100));
  environment.erase("SLURM_RESTART_COUNT");
  CHECK(own_allocation(4, job, variable) == AllocationStamp{{0}, 6, "17", 0, {1000}, {1100}});
  CHECK(own_allocation(4, std::nullopt, variable).job_started.value == 0);
}

TEST_CASE("own allocation: places that cannot be are refused by name") {
  for (const char* places : {"3", "x", "6 ", "-6"}) {
    environment = {{"ERGON_PLACES", places}};
    try {
      own_allocation(4, std::nullopt, variable);
      FAIL(places);
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::world);
      CHECK(error.where() == "ERGON_PLACES");
      CHECK(error.problem() == "'" + std::string(places) + "' is not a number of places, of which 4 ranks take one each");
    }
  }
}

TEST_CASE("own allocation: a job of `ergon launch` has a number, an array one for all its tasks") {
  environment = {};
  SlurmJob job;
  job.id = "18";
  job.output = "/runs/a/logs/job_17_2.out";
  CHECK(launched_job(std::nullopt, variable).empty());
  CHECK(launched_job(job, variable) == "18");
  environment = {{"SLURM_ARRAY_JOB_ID", "17"}};
  CHECK(launched_job(job, variable) == "17");
  job.output = "/dev/null";  // of salloc
  CHECK(launched_job(job, variable).empty());
}

TEST_CASE("own allocation: this process has lived for a while, but not for long") {
  const Seconds age = since(process_start());
  CHECK((age.value > 0 && age.value < 600));
}
