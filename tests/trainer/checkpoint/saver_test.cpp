// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/saver.hpp"

#include <sys/resource.h>

#include <csignal>

#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/checkpoint/verify.hpp"

using namespace ergon;

TEST_CASE("a save commits a folder whose every file verifies") {
  const TemporaryFolder run;
  ergon::test::InspectingStorage storage;
  const SaveResult result = save_alone(storage, run.path(), 1200, 3);
  REQUIRE_FALSE(result.error);
  CHECK(result.folder == run / "checkpoints/step_00001200.a0003");
  CHECK(result.id.step == 1200);
  CHECK(result.id.attempt == 3);
  CHECK(result.id.uuid.size() == 32);
  CHECK(storage.list(result.folder) ==
        std::vector<std::string>{"MANIFEST.json", "index.json", "provenance.json", "shard_0000.h5", "state.json"});
  CHECK(storage.list(run / "checkpoints") == std::vector<std::string>{"latest", "step_00001200.a0003"});
  CHECK(storage.read_text(run / "checkpoints/latest") == "step_00001200.a0003\n");
  CHECK(verify_checkpoint(storage, result.folder, VerifyDepth::full).empty());
  std::int64_t bytes = 0;
  for (const StoredFile& file : check_manifest(storage, result.folder).files) bytes += file.bytes;
  CHECK(result.bytes.value == bytes);
}

TEST_CASE("each checkpoint names the one before it as its parent") {
  const TemporaryFolder run;
  ergon::test::InspectingStorage storage;
  const auto control = std::move(make_local_group(1).front());
  const CheckpointId origin{"0123456789abcdef0123456789abcdef", 5, 1};
  CheckpointSaver saver(storage, {run.path(), "r", 2, 0, {0}, origin});
  const SaveResult first = saver.save(model({}, 10), state_of(10), *control), second = saver.save(model({}, 20), state_of(20), *control);
  CHECK(check_manifest(storage, first.folder).parent == origin);
  CHECK(check_manifest(storage, second.folder).parent == first.id);
}

TEST_CASE("a copied snapshot does not see what happens to the tensors later, a viewed one takes no copy") {
  const TemporaryFolder run;
  ergon::test::InspectingStorage storage;
  const auto control = std::move(make_local_group(1).front());
  CheckpointSaver saver(storage, {run.path(), run_identity(storage, run.path()), 1, 0, {0}, {}});
  for (const std::int64_t step : {1, 2}) {  // the second uses the buffers of the first
    auto tensors = model({}, step);
    saver.snapshot(tensors, state_of(step), SnapshotMode::copy);
    for (CheckpointTensor& tensor : tensors) tensor.data.zero_();
    saver.write();
    CHECK_FALSE(saver.commit(*control).error);
    const Loaded loaded = load_alone(storage, run.path());
    CHECK(loaded.step == step);
    CHECK(loaded.exact);
  }
}

TEST_CASE("calls out of order are bugs") {
  const TemporaryFolder run;
  ergon::test::InspectingStorage storage;
  const auto control = std::move(make_local_group(1).front());
  CheckpointSaver saver(storage, {run.path(), "r", 1, 0, {0}, {}});
  CHECK_THROWS_AS(saver.write(), Bug);
  CHECK_THROWS_AS(saver.commit(*control), Bug);
  saver.snapshot(model({}, 1), state_of(1));
  CHECK_THROWS_AS(saver.commit(*control), Bug);
  CHECK_THROWS_AS(saver.snapshot(model({}, 2), state_of(2)), Bug);
}

TEST_CASE("a failure at any call of a save is an error value, nothing is left of it, and the next save works") {
  const TemporaryFolder prepared;
  Storage good;
  save_alone(good, prepared.path(), 1);
  int failed = 0;
  for (int at = 1;; ++at) {
    const TemporaryFolder run;
    std::filesystem::copy(prepared.path(), run.path(), std::filesystem::copy_options::recursive);
    FaultyStorage faulty(Fault::error, at);
    const auto control = std::move(make_local_group(1).front());
    CheckpointSaver saver(faulty, {run.path(), run_identity(good, run.path()), 1, 0, {0}, {}});
    const SaveResult result = saver.save(model({}, 2), state_of(2), *control);
    const Loaded after = load_alone(good, run.path());
    CAPTURE(at);
    CHECK(after.exact);
    CHECK(after.step == (result.error ? 1 : 2));
    if (result.error) {
      ++failed;
      CHECK(contains(result.error->problem(), "planted failure"));
      CHECK(result.folder.empty());
      CHECK(good.list(run / "checkpoints") == std::vector<std::string>{"latest", "step_00000001.a0001"});
    }
    if (faulty.calls() < at || at > 400) break;
    const SaveResult next = saver.save(model({}, 3), state_of(3), *control);
    CHECK_FALSE(next.error);
    CHECK(load_alone(good, run.path()).step == 3);
  }
  CHECK(failed > 25);
}

TEST_CASE("one rank's full disk fails the save on every rank, with that rank's message") {
  const TemporaryFolder run;
  Storage good;
  for (const int at : {1, 2, 3}) {
    CAPTURE(at);
    std::vector<SaveResult> results(4);
    run_local_ranks(4, [&](std::unique_ptr<Communicator> control) {
      const int rank = control->rank();
      FaultyStorage mine(rank == 2 ? Fault::full : Fault::none, at);
      CheckpointSaver saver(mine, {run.path(), "r", 1, rank, {0}, {}});
      results[static_cast<std::size_t>(rank)] = saver.save(model(where(2, 2, rank, Cut::zero), 1), state_of(1), *control);
    });
    for (const SaveResult& result : results) {
      REQUIRE(result.error);
      CHECK(result.error->problem() == "planted failure: No space left on device");
    }
    CHECK(good.list(run / "checkpoints").empty());
  }
}

TEST_CASE("a file size limit is an error value and training goes on") {
  const TemporaryFolder run;
  ergon::test::InspectingStorage storage;
  save_alone(storage, run.path(), 1);
  rlimit before;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {6000, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const SaveResult result = save_alone(storage, run.path(), 2);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(result.error);
  CHECK(load_alone(storage, run.path()).step == 1);
  CHECK_FALSE(save_alone(storage, run.path(), 3).error);
  CHECK(load_alone(storage, run.path()).step == 3);
}

TEST_CASE("a step is not saved twice by one attempt") {
  const TemporaryFolder run;
  ergon::test::InspectingStorage storage;
  save_alone(storage, run.path(), 1);
  const SaveResult again = save_alone(storage, run.path(), 1);
  REQUIRE(again.error);
  CHECK(again.error->problem() == "this step is already saved by this attempt");
  CHECK(load_alone(storage, run.path()).exact);
}

TEST_CASE("a tensor that the ranks do not cover exactly once is refused by name") {
  const TemporaryFolder run;
  ergon::test::InspectingStorage storage;
  const auto control = std::move(make_local_group(1).front());
  CheckpointSaver saver(storage, {run.path(), "r", 1, 0, {0}, {}});
  auto tensors = model(where(2, 1, 0, Cut::owner), 1);  // half of each matrix
  const SaveResult result = saver.save(tensors, state_of(1), *control);
  REQUIRE(result.error);
  CHECK(contains(result.error->problem() + result.error->where(), "parameters/embedding"));
}
