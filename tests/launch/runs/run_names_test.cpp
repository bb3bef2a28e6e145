// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/run_names.hpp"

#include "tests/configs/refusal.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::refusal;

TEST_CASE("run_names: the folder of a job's output") {
  CHECK(run_of_output("/a b/runs/x/logs/job_17.out") == "/a b/runs/x");
  CHECK(run_of_output("/a/slurm-17.out").empty());
}

TEST_CASE("run_names: a folder is itself; anything else must be a job that Slurm knows") {
  const test::TemporaryFolder folder;
  CHECK(run_folder_of(folder.path()) == folder.path());
  CHECK(refusal([] { run_folder_of("no/such"); }).find("(3) no/such: there is no such run folder") == 0);
  CHECK(refusal([] { run_folder_of("99999999"); }).find("Slurm knows no such job") != std::string::npos);
}
