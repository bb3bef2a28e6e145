// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "launch/commands.hpp"
#include "launch/runs/run_status.hpp"
#include "tests/launch/answers.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::printed;

TEST_CASE("ergon status prints a page, JSON, and what scripts ask") {
  const test::TemporaryFolder run;
  const std::string folder = run.path();
  test::write_file(run / "config.toml", "[data]\ntrain = \"t.h5\"\n[train]\nsteps = 50\n");
  test::write_file(run / "events.jsonl",
                   "{\"event\":\"attempt\",\"attempt\":1,\"from_step\":0}\n{\"event\":\"step\",\"attempt\":1,\"step\":1,\"loss\":2.5}\n");
  CHECK(printed(command_status, "status", {folder}).find("broken, attempt 1, step 1/50, loss 2.5000") != std::string::npos);
  CHECK(printed(command_status, "status", {folder, "--outcome"}).empty());
  CHECK(printed(command_status, "status", {folder, "--stalled-starts"}) == "1\n");
  test::write_file(run / "result.json", R"({"code": 85, "reason": "saved", "step": 1, "steps": 50, "attempt": 1})");
  CHECK(printed(command_status, "status", {folder, "--outcome"}) == "1 85\n");
  const auto json = nlohmann::json::parse(printed(command_status, "status", {folder, "--json"}));
  CHECK(json["schema"] == "ergon.status.v1");
  CHECK(json["code"] == 85);
  CHECK(json["state"] == "ended");
  test::write_file(run / "events.jsonl", "{\"event\":\"att\n{\"event\":\"step\",\"attempt\":1,\"step\":1}\n");
  CHECK(printed(command_status, "status", {folder, "--outcome"}) == "1 85\n");  // of result.json alone
  test::write_file(run / "events.jsonl", "");
  printed(command_status, "status", {folder, "--job", "4711"});
  CHECK(read_run_status(folder).job == "4711");
  CHECK(test::refusal_of(command_status, "status", {folder, "--job", "x"})->problem() == "'x' is no number of a job");
}
