// SPDX-License-Identifier: Apache-2.0
#include "launch/jobs/sacct.hpp"

#include "tests/launch/jobs/fake_sacct.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::FakeSacct;

TEST_CASE("sacct: each start of a requeued job is a record") {
  // As Slurm 22.05 printed it, with SLURM_TIME_FORMAT=%s: while the job waited to come back, and at its end.
  const auto waiting = parse_sacct("1|REQUEUED|1795919981|1795919982|1795919984\n1|PENDING|1795919984|Unknown|Unknown\n");
  CHECK(waiting ==
        std::vector<JobRecord>{{"1", "REQUEUED", {1795919981}, {1795919982}, {1795919984}}, {"1", "PENDING", {1795919984}, {}, {}}});
  const auto done = parse_sacct("1|REQUEUED|1795919981|1795919982|1795919984\n1|COMPLETED|1795919984|1795919990|1795919992\n");
  REQUIRE(done.size() == 2);
  CHECK(done[1] == JobRecord{"1", "COMPLETED", {1795919984}, {1795919990}, {1795919992}});
  CHECK(parse_sacct("4|CANCELLED by 0|5|6|7\n").at(0).state == "CANCELLED by 0");
}

TEST_CASE("sacct: what is no record is left out") {
  CHECK(parse_sacct("").empty());
  CHECK(parse_sacct("Slurm accounting storage is disabled\n|||\nx|COMPLETED|1|2|3\n4|COMPLETED|1|2\n4|COMPLETED|1|2|3|4\n").empty());
}

TEST_CASE("sacct: asked for the jobs by number, and for nothing else") {
  const FakeSacct sacct(
      "[ \"$SLURM_TIME_FORMAT\" = %s ] || exit 1\ncase \"$1\" in --jobs=7,8_1) echo 'complaint' >&2; echo '7|COMPLETED|1|2|3';; *) exit "
      "1;; esac\n");
  CHECK(sacct_records({"7", "8_1", "$(touch x)"}) == std::vector{JobRecord{"7", "COMPLETED", {1}, {2}, {3}}});
  CHECK(sacct_records({"7"}) == std::nullopt);
  CHECK(sacct_records({}) == std::vector<JobRecord>());
}

TEST_CASE("sacct: without accounts there are none") {
  const FakeSacct sacct("echo 'Slurm accounting storage is disabled' >&2\nexit 1\n");
  CHECK(sacct_records({"7"}) == std::nullopt);
}
