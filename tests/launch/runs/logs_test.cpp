// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "launch/commands.hpp"
#include "launch/runs/run_status.hpp"
#include "parallel/process_identity.hpp"
#include "tests/launch/answers.hpp"
#include "tests/launch/jobs/fake_slurm.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::printed;
using test::refusal_of;

namespace {

// A run that begins a moment later, as this process, and trains for a while.
std::jthread begins_later(const std::string& run, const std::string& start) {
  return std::jthread([=] {
    const ProcessIdentity self = this_process();
    const nlohmann::json owner = {{"host", self.host}, {"boot", self.boot},   {"pid_namespace", self.pid_namespace},
                                  {"pid", self.pid},   {"start", self.start}, {"job", ""}};
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    std::filesystem::create_directories(run + "/logs/" + start);
    test::write_file(run + "/logs/" + start + "/rank_0.log", "begun\n");
    test::write_file(run + "/lock.a0002", owner.dump());
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    test::write_file(run + "/logs/" + start + "/rank_0.log", "begun\nended\n");
    std::filesystem::remove(run + "/lock.a0002");
  });
}

}  // namespace

TEST_CASE("ergon logs prints what a rank has said, and which ranks have said something") {
  const test::TemporaryFolder run;
  CHECK(refusal_of(command_logs, "logs", {run.path()})->problem() == "there are no logs of ranks");
  std::filesystem::create_directories(run / "logs/job_17.0");
  CHECK(refusal_of(command_logs, "logs", {run.path()})->hint() == "no rank has printed anything yet");
  test::write_file(run / "logs/job_17.0/rank_0.log", "zero\n");
  test::write_file(run / "logs/job_17.0/rank_3.log", "three\n");
  CHECK(printed(command_logs, "logs", {run.path()}) == "zero\n");
  CHECK(printed(command_logs, "logs", {run.path(), "--rank", "3"}) == "three\n");
  CHECK(printed(command_logs, "logs", {run.path(), "--rank", "3", "-f", "--wait", "0"}) == "three\n");  // nobody trains: the end is reached
  CHECK(refusal_of(command_logs, "logs", {run.path(), "--rank", "7", "-f", "--wait", "0"})->problem() == "rank 7 has no log");
  const auto refused = refusal_of(command_logs, "logs", {run.path(), "--rank", "7"});
  CHECK(refused->problem() == "rank 7 has no log");
  CHECK(refused->hint() == "ranks 0 to 3 have");
  CHECK(refused->code() == ExitCode::data);
}

TEST_CASE("ergon logs -f waits for a start that has not begun, and goes on until it ends") {
  const test::TemporaryFolder run;  // as it is right after `ergon launch`
  {
    const std::jthread first = begins_later(run.path(), "job_17.0");
    CHECK(printed(command_logs, "logs", {run.path(), "-f"}) == "begun\nended\n");
  }
  test::write_file(run / "result.json", R"({"code": 85, "reason": "saved", "step": 1, "steps": 50, "attempt": 1})");
  const std::jthread resumed = begins_later(run.path(), "job_17.1");  // it reads as ended until then
  CHECK(printed(command_logs, "logs", {run.path(), "-f"}) == "begun\nended\nbegun\nended\n");
}

TEST_CASE("ergon logs -f: a job in the queue is waited for, one that is over is not") {
  const test::TemporaryFolder run;
  const test::FakeSlurm slurm;
  remember_job(run.path(), "17");
  const std::string state = run / "state";
  test::write_file(state, "PENDING");
  slurm.program("scontrol", "echo \"JobId=17 JobState=$(cat '" + state + "') Reason=None\"\n");
  {
    const std::jthread later = begins_later(run.path(), "job_17.0");
    const std::jthread over([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(1500));
      test::write_file(state, "COMPLETED");
    });
    CHECK(printed(command_logs, "logs", {run.path(), "-f", "--wait", "0"}) == "begun\nended\n");
  }
  CHECK(printed(command_logs, "logs", {run.path(), "-f"}) == "begun\nended\n");
}
