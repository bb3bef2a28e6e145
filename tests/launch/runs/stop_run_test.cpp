// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

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

// A run that this process seems to train.
void lock(const test::TemporaryFolder& run) {
  const ProcessIdentity self = this_process();
  const nlohmann::json record = {{"host", self.host}, {"boot", self.boot},   {"pid_namespace", self.pid_namespace},
                                 {"pid", self.pid},   {"start", self.start}, {"job", ""}};
  test::write_file(run / "lock.a0001", record.dump());
}

// The answer about a run whose job 17 is in that state.
struct AskedJob {
  test::TemporaryFolder run;
  test::FakeSlurm slurm;
  explicit AskedJob(const std::string& state) {
    remember_job(run.path(), "17");
    slurm.says(fmt::format("JobId=17 JobName=x JobState={} Reason=None\n", state));
  }
  std::string stop(std::vector<std::string> words = {}) const {
    words.insert(words.begin(), run.path());
    return printed(command_stop, "stop", words);
  }
  bool asked() const { return std::filesystem::exists(run / "stop"); }
};

bool holds(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("ergon stop asks who trains, and refuses where nobody does") {
  const test::TemporaryFolder run;
  CHECK(refusal_of(command_stop, "stop", {run.path()})->problem() == "nobody trains here");
  lock(run);
  CHECK(printed(command_stop, "stop", {run.path(), "--save"}).find("asked to save at its next step") != std::string::npos);
  CHECK(std::filesystem::exists(run / "save"));
  CHECK_FALSE(std::filesystem::exists(run / "stop"));
  CHECK(printed(command_stop, "stop", {run.path()}).find("asked to save and end at its next step") != std::string::npos);
  CHECK(std::filesystem::exists(run / "stop"));
  CHECK(refusal_of(command_stop, "stop", {run.path(), "--wait", "0.3"})->code() == ExitCode::stuck);
}

TEST_CASE("ergon stop: a job that has begun is asked, though no rank holds the lock yet") {
  for (const char* state : {"RUNNING", "COMPLETING", "SIGNALING"}) {
    const AskedJob job(state);
    const std::string said = job.stop();
    holds(said, fmt::format("asked to save and end at its first step; job 17 is {}, and nobody trains yet", state));
    holds(said, fmt::format("remove {}\n", job.run / "stop"));
    CHECK(job.asked());
    CHECK(job.slurm.cancelled().empty());
  }
  const AskedJob job("RUNNING");
  holds(job.stop({"--save"}), "asked to save at its first step");
  CHECK_FALSE(job.asked());
  CHECK(refusal_of(command_stop, "stop", {job.run.path(), "--wait", "0.3"})->code() == ExitCode::stuck);  // it has not begun, nor ended
}

TEST_CASE("ergon stop: a job that waits or is held leaves the queue") {
  for (const char* state : {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"}) {
    const AskedJob job(state);
    test::write_file(job.run / "stop", "");  // asked as it came back
    holds(job.stop(), "job 17 was waiting and is out of the queue");
    CHECK(job.slurm.cancelled() == "17\n");
    CHECK_FALSE(job.asked());
  }
  const AskedJob job("PENDING");
  job.slurm.program("scancel", "exit 1\n");
  CHECK(refusal_of(command_stop, "stop", {job.run.path()})->problem() == "scancel has not taken job 17 out of the queue");
}

TEST_CASE("ergon stop --wait: a job that comes back with the request unread is taken out of the queue") {
  const AskedJob requeued("RUNNING");
  const std::string shown = requeued.run / "shown";
  const std::string answers = fmt::format(
      "echo >>'{0}'\nstate=PENDING\n[ $(wc -l <'{0}') -gt 2 ] || state=COMPLETING\n"
      "echo JobId=17 JobState=$state Reason=None\n",
      shown);
  requeued.slurm.program("scontrol", answers);
  holds(requeued.stop({"--wait", "30"}), "job 17 was waiting and is out of the queue");
  CHECK(requeued.slurm.cancelled() == "17\n");
  CHECK_FALSE(requeued.asked());  // it would end the next submission

  const AskedJob chain("RUNNING");
  chain.slurm.program("scontrol",
                      fmt::format("case $* in *18) echo JobId=18 JobState=PENDING;; *) echo JobId=17 JobState=COMPLETED\n"
                                  "  [ ! -e '{0}' ] || echo 18 >'{1}'\n  [ -e '{0}' ] || echo JobId=17 JobState=RUNNING;; esac\n",
                                  chain.run / "stop", chain.run / "launch/job"));
  holds(chain.stop({"--wait", "30"}), "job 18 was waiting and is out of the queue");
  CHECK(chain.slurm.cancelled() == "18\n");
}

TEST_CASE("ergon stop --wait: a run that has ended leaves no request behind, one that may come back keeps it") {
  const AskedJob ended("RUNNING");
  ended.slurm.program("scontrol",
                      fmt::format("state=RUNNING\n[ ! -e '{}' ] || state=COMPLETED\necho JobId=17 JobState=$state\n", ended.run / "stop"));
  holds(ended.stop({"--wait", "30"}), "asked to save and end");
  CHECK_FALSE(ended.asked());
  const AskedJob silent("RUNNING");  // Slurm does not answer any more
  silent.slurm.program("scontrol", fmt::format("[ ! -e '{}' ] || exit 1\necho JobId=17 JobState=RUNNING\n", silent.run / "stop"));
  CHECK(refusal_of(command_stop, "stop", {silent.run.path(), "--wait", "0.3"})->code() == ExitCode::stuck);
  CHECK(silent.asked());
}

TEST_CASE("ergon stop: a job that is suspended is not killed: it saves when it goes on") {
  for (const bool trains : {false, true}) {
    const AskedJob job("SUSPENDED");
    if (trains) lock(job.run);
    holds(job.stop(), "; job 17 is SUSPENDED, and hears that when it is resumed: scontrol resume 17\n");
    CHECK(job.asked());
    CHECK(job.slurm.cancelled().empty());
  }
  holds(AskedJob("STOPPED").stop(), "when it goes on: scancel -s CONT 17\n");
}

TEST_CASE("ergon stop: a job that is over trains nothing") {
  const AskedJob job("COMPLETED");
  CHECK(refusal_of(command_stop, "stop", {job.run.path()})->problem() == "nobody trains here");
  CHECK_FALSE(job.asked());
}
