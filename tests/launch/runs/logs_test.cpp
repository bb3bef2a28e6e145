// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "launch/commands.hpp"
#include "tests/launch/answers.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::printed;
using test::refusal_of;

TEST_CASE("ergon logs prints what a rank has said, and which ranks have said something") {
  const test::TemporaryFolder run;
  CHECK(refusal_of(command_logs, "logs", {run.path()})->problem() == "there are no logs of ranks");
  std::filesystem::create_directories(run / "logs/job_17.0");
  CHECK(refusal_of(command_logs, "logs", {run.path()})->hint() == "no rank has printed anything yet");
  test::write_file(run / "logs/job_17.0/rank_0.log", "zero\n");
  test::write_file(run / "logs/job_17.0/rank_3.log", "three\n");
  CHECK(printed(command_logs, "logs", {run.path()}) == "zero\n");
  CHECK(printed(command_logs, "logs", {run.path(), "--rank", "3"}) == "three\n");
  CHECK(printed(command_logs, "logs", {run.path(), "--rank", "3", "-f"}) == "three\n");  // nobody trains: the end is reached
  const auto refused = refusal_of(command_logs, "logs", {run.path(), "--rank", "7"});
  CHECK(refused->problem() == "rank 7 has no log");
  CHECK(refused->hint() == "ranks 0 to 3 have");
  CHECK(refused->code() == ExitCode::data);
}
