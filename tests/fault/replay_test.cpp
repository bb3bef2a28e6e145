// SPDX-License-Identifier: Apache-2.0
// The power is cut after every operation of a save, of a gc: whatever is left, a good state is loaded, what was committed is there,
// and the run goes on. Without any one of the syncs that is not so.
#include "tests/fault/replay.hpp"

#include "tests/fault/good_state.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/checkpoint/retention.hpp"

using namespace ergon;
using test::Replay;

namespace {

// A save is committed once the folder of checkpoints is synced behind the rename.
int commit_of(const std::vector<test::Operation>& operations) {
  bool renamed = false;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const test::Operation& operation = operations[i];
    renamed = renamed || (operation.kind == test::Operation::Kind::rename && contains(operation.path, ".tmp1"));
    if (renamed && operation.kind == test::Operation::Kind::sync_directory) return static_cast<int>(i) + 1;
  }
  return -1;
}

Replay::Reader run_below(const std::string& name) {
  return [name](const std::string& folder) { return look_at_run(folder + "/" + name); };
}

}  // namespace

TEST_CASE("replay: the identity of a run") {
  const TemporaryFolder scratch;
  Replay replay(scratch.path(), [](const std::string& folder) {
    Storage storage;
    return storage.exists(folder + "/runs/run/uuid") ? run_identity(storage, folder + "/runs/run") : "nothing";
  });
  const std::string uuid = run_identity(replay.storage(), scratch / "runs/run");
  const int end = replay.storage().done();
  replay.check("the identity of a run",
               [&](const std::string& seen, int done) { return seen == uuid || (done < end && seen == "nothing"); });
}

TEST_CASE("replay: the first save of a run") {
  const TemporaryFolder scratch;
  const std::string run = scratch / "run";
  Storage plain;
  run_identity(plain, run);
  Replay replay(scratch.path(), run_below("run"));
  REQUIRE(claim_attempt(replay.storage(), run, 1));
  const int claimed = replay.storage().done();
  REQUIRE_FALSE(save_alone(replay.storage(), run, 2).error);
  const int committed = commit_of(replay.storage().operations()), end = replay.storage().done();
  replay.check("the first save", [&](const std::string& seen, int done) {
    if (seen == "step 2 of attempt 1, latest step_00000002.a0001\n") return true;
    if (done >= committed) return done < end && seen == "step 2 of attempt 1";
    return seen == "nothing of attempt 1" || seen == "step 2 of attempt 1" ||
           (done < claimed && seen == "nothing of attempt 0");  // its number may be taken again
  });
}

TEST_CASE("replay: a save over an older checkpoint") {
  const TemporaryFolder scratch;
  test::InspectingStorage plain;
  const std::string run = scratch / "run";
  begin_run(plain, run, {1});
  Replay replay(scratch.path(), run_below("run"));
  REQUIRE_FALSE(save_alone(replay.storage(), run, 2).error);
  const int committed = commit_of(replay.storage().operations()), end = replay.storage().done();
  replay.check("a save", [&](const std::string& seen, int done) {
    if (seen == "step 2 of attempt 1, latest step_00000002.a0001\n") return true;
    if (done < end && seen == "step 2 of attempt 1, latest step_00000001.a0001\n") return true;
    return done < committed && seen == "step 1 of attempt 1, latest step_00000001.a0001\n";
  });
}

TEST_CASE("replay: a save of two writers") {
  const TemporaryFolder scratch;
  test::InspectingStorage plain;
  const std::string run = scratch / "run";
  begin_run(plain, run, {1});
  Replay replay(scratch.path(), run_below("run"));
  for (const SaveResult& result : save_together(replay.storage(), run, 2, 1, 2, Cut::zero)) REQUIRE_FALSE(result.error);
  const int committed = commit_of(replay.storage().operations()), end = replay.storage().done();
  replay.check("a save of two writers", [&](const std::string& seen, int done) {
    if (seen == "step 2 of attempt 1, latest step_00000002.a0001\n") return true;
    if (done < end && seen == "step 2 of attempt 1, latest step_00000001.a0001\n") return true;
    return done < committed && seen == "step 1 of attempt 1, latest step_00000001.a0001\n";
  });
}

TEST_CASE("replay: retention deletes what it may") {
  const TemporaryFolder scratch;
  test::InspectingStorage plain;
  const std::string run = scratch / "run";
  begin_run(plain, run, {1, 2, 3});
  save_alone(plain, run, 4, 1, 0, {false, true});
  append_lineage(plain, run, {LineageRecord::Event::abandon, 1, 4, ""});
  Replay replay(scratch.path(), run_below("run"));
  for (const std::string& message : retain_checkpoints(replay.storage(), run, {1}).messages) CHECK(contains(message, "deleted"));
  replay.check("gc (retention)", [&](const std::string& seen, int) { return seen.rfind("step 3 of", 0) == 0; });
}

TEST_CASE("replay: records of the lineage") {
  const TemporaryFolder scratch;
  test::InspectingStorage plain;
  const std::string run = scratch / "run";
  begin_run(plain, run, {1, 2, 3});
  Replay replay(scratch.path(), run_below("run"));
  append_lineage(replay.storage(), run, {LineageRecord::Event::abandon, 1, 3, ""});
  const int first = replay.storage().done();
  append_lineage(replay.storage(), run, {LineageRecord::Event::abandon, 1, 2, ""});
  const int second = replay.storage().done();
  replay.check("lineage", [&](const std::string& seen, int done) {
    const bool three = seen.rfind("step 3 of", 0) == 0, two = seen.rfind("step 2 of", 0) == 0, one = seen.rfind("step 1 of", 0) == 0;
    return done < first ? three || two : done < second ? two || one : one;
  });
}
