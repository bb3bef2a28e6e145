// SPDX-License-Identifier: Apache-2.0
// `ergon checkpoint` on a run folder made here.
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "parallel/communicator_local.hpp"
#include "tests/launch/subcommands.hpp"
#include "tests/support/temporary_folder.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/checkpoint/saver.hpp"
#include "trainer/run_lock.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using ergon::test::Called;
using ergon::test::TemporaryFolder;

namespace {

std::string save(Storage& storage, const std::string& run, std::int64_t step) {
  const auto control = std::move(make_local_group(1).front());
  CheckpointSaver saver(storage, {run, run_identity(storage, run), 1, 0, {0}, {}});
  RunState state;
  state.step = step;
  const SaveResult result = saver.save({}, state, *control);
  REQUIRE_FALSE(result.error);
  return result.folder;
}

Called command(const std::vector<std::string>& arguments) {
  try {
    return test::call(command_checkpoint, "checkpoint", arguments);
  } catch (const Error& error) {
    return {static_cast<int>(error.code()), error.problem()};
  }
}

nlohmann::json json_of(std::vector<std::string> arguments) {
  arguments.push_back("--json");
  return nlohmann::json::parse(command(std::move(arguments)).text);
}

}  // namespace

TEST_CASE("list shows the checkpoints of a run, newest first, with what is known") {
  const TemporaryFolder run;
  Storage storage;
  save(storage, run.path(), 1);
  const std::string second = save(storage, run.path(), 2);
  storage.unlink(second + "/MANIFEST.json");
  const auto json = json_of({"list", run.path()});
  CHECK(json.at("schema") == "ergon.checkpoint_list.v1");
  const auto& rows = json.at("checkpoints");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].at("step") == 2);
  CHECK(rows[0].at("verified") == false);
  CHECK(rows[0].at("bytes").is_null());
  CHECK(rows[0].at("reason").at("bytes") == "there is no manifest");
  CHECK(rows[1].at("status") == "manifest verifies");
  CHECK(rows[1].at("health") == "good");
  CHECK(rows[1].at("reason").at("parent") == "the run began with step 0");
  CHECK(command({"list", run.path() + "/"}).text.find("manifest verifies") != std::string::npos);
}

TEST_CASE("verify says good or names the damage, with exit code 3") {
  const TemporaryFolder run;
  Storage storage;
  const std::string folder = save(storage, run.path(), 1);
  CHECK(command({"verify", run.path()}).code == 0);
  CHECK(command({"verify", folder}).text == folder + ": good\n");
  storage.truncate(storage.open_write(folder + "/state.json"), 10);
  const Called damaged = command({"verify", folder});
  CHECK(damaged.code == 3);
  CHECK(damaged.text.find("DAMAGED\n  the file state.json has 10 bytes") != std::string::npos);
  CHECK(json_of({"verify", run.path()}).at("good") == false);
}

TEST_CASE("inspect prints state and provenance") {
  const TemporaryFolder run;
  Storage storage;
  const std::string folder = save(storage, run.path(), 7);
  const auto json = json_of({"inspect", folder});
  CHECK(json.at("schema") == "ergon.checkpoint_inspect.v1");
  CHECK(json.at("state").at("step") == 7);
  CHECK(json.at("manifest").at("id").at("attempt") == 1);
  CHECK(json.at("provenance").at("ranks") == 1);
  CHECK(command({"inspect", folder}).text.find("step 7  attempt 1") == 0);
}

TEST_CASE("a folder that is no run, and a run without checkpoints") {
  const TemporaryFolder run;
  Storage storage;
  CHECK(command({"list", run.path()}).text == "this is no run folder with checkpoints");
  CHECK(command({"list", run.path()}).code == 3);
  storage.make_directories(run / "checkpoints");
  CHECK(command({"verify", run.path()}).text == "there is no checkpoint to verify");
  CHECK(command({"inspect", run.path()}).text == "this is not the folder of a checkpoint: it has no MANIFEST.json");
  CHECK(command({"inspect", run.path()}).code == 3);
}

TEST_CASE("gc deletes what the run's rules do not want, says what it would do first, and keeps out of a run that is alive") {
  const TemporaryFolder run;
  Storage storage;
  for (const std::int64_t step : {1, 2, 3, 4}) save(storage, run.path(), step);
  CHECK_THAT(command({"gc", run.path()}).text, Catch::Contains("there is no configuration that says which checkpoints are wanted"));
  test::write_file(run / "config.toml", "[data]\ntrain = \"t.h5\"\n[checkpoint]\nkeep = 2\nkeep_every = 1\n");
  CHECK(command({"gc", run.path()}).text == "every checkpoint is wanted\n");
  const std::vector<std::string> rules = {"checkpoint.keep_every=0"};
  const Called dry = command({"gc", run.path(), rules[0], "--dry-run"});
  CHECK(dry.code == 0);
  CHECK(dry.text == "would delete step_00000002.a0001: newer ones are kept\nwould delete step_00000001.a0001: newer ones are kept\n");
  const auto found = [&] { return storage.list(run / "checkpoints").size() - 1; };  // beside `latest`
  CHECK(found() == 4);
  CHECK(newest_attempt(storage, run.path()) == 1);  // of the gc that found every checkpoint wanted
  {
    const RunLock owner(storage, run.path(), {{0.02}, {30}, {0.01}, {100}});
    const Called refused = command({"gc", run.path(), rules[0]});
    CHECK(refused.code == 3);
    CHECK_THAT(refused.text, Catch::Contains("another process is training in this folder"));
    CHECK(found() == 4);
  }
  const auto json = json_of({"gc", run.path(), rules[0]});
  CHECK(json.at("schema") == "ergon.checkpoint_gc.v1");
  CHECK(json.at("unwanted")[0] == nlohmann::json{{"name", "step_00000002.a0001"}, {"why", "newer ones are kept"}});
  CHECK((json.at("good") == true && json.at("dry_run") == false && json.at("messages").size() == 2));
  CHECK(found() == 2);
  // The last deletion fails: the code says so.
  test::write_file(run / "checkpoints/step_00000003.a0001.del", "");
  const Called failed = command({"gc", run.path(), rules[0], "checkpoint.keep=1"});
  CHECK(failed.code == 3);
  CHECK_THAT(failed.text, Catch::Contains("could not delete step_00000003.a0001"));
}
