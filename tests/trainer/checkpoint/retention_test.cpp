// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/retention.hpp"

#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/lineage.hpp"

using namespace ergon;

namespace {

std::vector<std::string> checkpoints(const std::string& run) {
  std::vector<std::string> found;
  for (const std::string& name : Storage().list(run + "/checkpoints")) {
    if (name != "latest") found.push_back(name);
  }
  return found;
}

void spoil(const std::string& path) {
  Storage storage;
  const Storage::File file = storage.open_write(path);
  const std::byte byte{0x5a};
  storage.pwrite(file, {&byte, 1}, storage.size(file) - 1);
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("the newest `keep` stay") {
  const TemporaryFolder run;
  Storage storage;
  for (const std::int64_t step : {1, 2, 3, 4}) save_alone(storage, run.path(), step, 1, 2);
  CHECK(checkpoints(run.path()) == Names{"step_00000003.a0001", "step_00000004.a0001"});
  CHECK(retain_checkpoints(storage, run.path(), 1) == Names{"deleted step_00000003.a0001: newer ones are kept"});
  CHECK(retain_checkpoints(storage, run.path(), 1).empty());
  CHECK_THROWS_AS(retain_checkpoints(storage, run.path(), 0), Bug);
}

TEST_CASE("abandoned ones and older unhealthy ones go, and do not count") {
  const TemporaryFolder run;
  Storage storage;
  save_alone(storage, run.path(), 1);
  save_alone(storage, run.path(), 2, 1, 0, {false, true});
  save_alone(storage, run.path(), 3);
  save_alone(storage, run.path(), 9);
  append_lineage(storage, run.path(), {LineageRecord::Event::abandon, 1, 9, ""});
  save_alone(storage, run.path(), 4, 2, 0, {true, false});  // unhealthy, but newer than every healthy one
  CHECK(retain_checkpoints(storage, run.path(), 2) ==
        Names{"deleted step_00000009.a0001: it was abandoned", "deleted step_00000002.a0001: it is unhealthy"});
  CHECK(checkpoints(run.path()) == Names{"step_00000001.a0001", "step_00000003.a0001", "step_00000004.a0002"});
}

TEST_CASE("when the newest does not read back, nothing is deleted and it is set aside") {
  const TemporaryFolder run;
  Storage storage;
  for (const std::int64_t step : {1, 2, 3}) save_alone(storage, run.path(), step);
  spoil(run / "checkpoints/step_00000003.a0001/shard_0000.h5");
  const auto messages = retain_checkpoints(storage, run.path(), 1);
  CHECK(any_contains(messages, "step_00000003.a0001 does not read back"));
  CHECK(checkpoints(run.path()) == Names{"step_00000001.a0001", "step_00000002.a0001", "step_00000003.a0001.corrupt"});
  CHECK(load_alone(storage, run.path()).step == 2);
}

TEST_CASE("the last one that verifies is never deleted, wherever retention is killed") {
  for (int at = 1;; ++at) {
    const TemporaryFolder run;
    Storage good;
    for (const std::int64_t step : {1, 2, 3}) save_alone(good, run.path(), step);
    FaultyStorage faulty(Fault::kill, at);
    bool killed = false;
    try {
      retain_checkpoints(faulty, run.path(), 1);
    } catch (const Killed&) {
      killed = true;
    }
    const Loaded loaded = load_alone(good, run.path());
    CAPTURE(at);
    CHECK(loaded.step == 3);
    CHECK(loaded.exact);
    remove_leftovers(good, run.path(), 2);
    for (const std::string& name : checkpoints(run.path())) CHECK_FALSE(contains(name, ".del"));
    if (!killed) break;
    REQUIRE(at < 300);
  }
}

TEST_CASE("a failing disk during retention is a message") {
  const TemporaryFolder run;
  Storage good;
  for (const std::int64_t step : {1, 2, 3}) save_alone(good, run.path(), step);
  int messages = 0;
  for (int at = 1; at < 60; ++at) {
    FaultyStorage faulty(Fault::error, at);
    for (const std::string& message : retain_checkpoints(faulty, run.path(), 1)) messages += contains(message, "planted failure");
    CHECK(load_alone(good, run.path()).step == 3);
  }
  CHECK(messages > 10);
}

TEST_CASE("leftovers of killed processes go, those of this attempt and what is set aside stay") {
  const TemporaryFolder run;
  Storage storage;
  save_alone(storage, run.path(), 1);
  for (const char* name :
       {"step_00000002.a0001.tmp1", "step_00000002.a0002.tmp1", "step_00000003.a0001.del", "step_00000004.a0001.corrupt"}) {
    storage.make_directory(run / ("checkpoints/" + std::string(name)));
  }
  CHECK(remove_leftovers(storage, run.path(), 2).size() == 2);
  CHECK(checkpoints(run.path()) == Names{"step_00000001.a0001", "step_00000002.a0002.tmp1", "step_00000004.a0001.corrupt"});
}

TEST_CASE("the hint that cannot be written is a message") {
  const TemporaryFolder run;
  Storage storage;
  std::vector<std::string> messages;
  write_hint(storage, run / "none", "step", messages);
  REQUIRE(messages.size() == 1);
  CHECK(contains(messages[0], "the hint `latest` was not written"));
}
