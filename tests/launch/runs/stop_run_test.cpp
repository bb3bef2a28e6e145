// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <nlohmann/json.hpp>

#include "launch/commands.hpp"
#include "parallel/process_identity.hpp"
#include "tests/launch/answers.hpp"
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
