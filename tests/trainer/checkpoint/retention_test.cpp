// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/retention.hpp"

#include <cmath>

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
  CHECK(retain_checkpoints(storage, run.path(), {1}).messages == Names{"deleted step_00000003.a0001: newer ones are kept"});
  CHECK(retain_checkpoints(storage, run.path(), {1}).messages.empty());
  CHECK_THROWS_AS(retain_checkpoints(storage, run.path(), {0}), Bug);
}

TEST_CASE("any rule that wants a checkpoint keeps it: the newest, every n-th, the best of a finite validation loss") {
  std::vector<RetentionCandidate> all;
  for (std::int64_t step = 12; step >= 1; --step) all.push_back({std::to_string(step), step, true, true, true, {}});
  const auto kept = [&](const RetentionRules& rules) {
    std::string text;
    for (const RetentionCandidate& candidate : all) {
      bool removed = false;
      for (const Removal& removal : plan_retention(all, rules)) removed |= removal.name == candidate.name;
      if (!removed) text += candidate.name + " ";
    }
    return text;
  };
  CHECK(kept({2}) == "12 11 ");
  CHECK(kept({2, 5}) == "12 11 10 5 ");
  CHECK(kept({100}) == "12 11 10 9 8 7 6 5 4 3 2 1 ");
  CHECK(kept({1, 0, true}) == "12 ");  // none was evaluated
  all[4].validation_loss = 2.5;        // step 8
  all[8].validation_loss = 2.0;        // step 4
  all[9].validation_loss = 2.0;        // step 3: as good, but older
  all[2].validation_loss = NAN;
  CHECK(kept({1, 0, true}) == "12 4 ");
  CHECK(kept({1, 6, true}) == "12 6 4 ");
  all[8].healthy = false;  // and gone, for it is older than the newest healthy one
  CHECK(kept({1, 0, true}) == "12 3 ");
  all[9].in_lineage = false;
  all[10].readable = false;
  CHECK(kept({1, 0, true}) == "12 8 2 ");
  CHECK(plan_retention(all, {11, 1}) == std::vector<Removal>{{"3", "it was abandoned"}, {"4", "it is unhealthy"}});
}

TEST_CASE("without a healthy one nothing goes, and the newest healthy one stays below every unhealthy one") {
  const std::vector<RetentionCandidate> none = {
      {"9", 9, true, true, false, {}}, {"8", 8, false, true, true, {}}, {"7", 7, true, false, true, {}}};
  CHECK(plan_retention(none, {1}).empty());
  const std::vector<RetentionCandidate> one = {
      {"9", 9, true, true, false, {}}, {"8", 8, true, true, true, {}}, {"7", 7, true, true, false, {}}, {"6", 6, true, true, true, {}}};
  CHECK(plan_retention(one, {1}) == std::vector<Removal>{{"7", "it is unhealthy"}, {"6", "newer ones are kept"}});
}

TEST_CASE("the best is known by the validation loss in its state") {
  const TemporaryFolder run;
  Storage storage;
  const auto control = std::move(make_local_group(1).front());
  CheckpointSaver saver(storage, {run.path(), run_identity(storage, run.path()), 1, 0, {1, 0, true}, {}});
  const char* losses[] = {"null", "2.5", "1.5", "2.0", ""};
  for (std::int64_t step = 1; step <= 5; ++step) {
    RunState state = state_of(step);
    if (*losses[step - 1] != 0) state.records["validation"] = losses[step - 1];
    CHECK_FALSE(saver.save(model({}, step), state, *control).error);
  }
  CHECK(checkpoints(run.path()) == Names{"step_00000003.a0001", "step_00000005.a0001"});
  CHECK(plan_retention(storage, run.path(), {1}) == std::vector<Removal>{{"step_00000003.a0001", "newer ones are kept"}});
  CHECK(plan_retention(storage, run.path(), {1, 0, true}).empty());
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
  CHECK(retain_checkpoints(storage, run.path(), {2}).messages ==
        Names{"deleted step_00000009.a0001: it was abandoned", "deleted step_00000002.a0001: it is unhealthy"});
  CHECK(checkpoints(run.path()) == Names{"step_00000001.a0001", "step_00000003.a0001", "step_00000004.a0002"});
}

TEST_CASE("when the newest does not read back, nothing is deleted and it is set aside") {
  const TemporaryFolder run;
  Storage storage;
  for (const std::int64_t step : {1, 2, 3}) save_alone(storage, run.path(), step);
  spoil(run / "checkpoints/step_00000003.a0001/shard_0000.h5");
  const Retained retained = retain_checkpoints(storage, run.path(), {1});
  CHECK(any_contains(retained.messages, "step_00000003.a0001 does not read back"));
  CHECK(retained.damaged == "step_00000003.a0001");
  CHECK(contains(retained.why, "shard_0000.h5"));
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
      retain_checkpoints(faulty, run.path(), {1});
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
    for (const std::string& message : retain_checkpoints(faulty, run.path(), {1}).messages)
      messages += contains(message, "planted failure");
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
