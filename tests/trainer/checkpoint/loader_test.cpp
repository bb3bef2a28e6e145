// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/loader.hpp"

#include <ATen/ops/zeros.h>

#include <random>

#include "tests/parallel/collective_cases.hpp"
#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/checkpoint/lineage.hpp"

using namespace ergon;
namespace fs = std::filesystem;
using Event = LineageRecord::Event;

namespace {

// A run with the checkpoints of steps 1 and 2, to be copied and spoilt.
const TemporaryFolder& prepared() {
  static const TemporaryFolder run;
  static const bool done = [] {
    Storage storage;
    const SaveResult first = save_alone(storage, run.path(), 1);
    return !save_alone(storage, run.path(), 2, 1, 0, {}, first.id).error;
  }();
  REQUIRE(done);
  return run;
}

struct Copy {
  TemporaryFolder run;
  Storage storage;
  std::string newest = run / "checkpoints/step_00000002.a0001", older = run / "checkpoints/step_00000001.a0001";
  Copy() { fs::copy(prepared().path(), run.path(), fs::copy_options::recursive); }
  Loaded load() { return load_alone(storage, run.path()); }
};

void flip(const std::string& path, std::int64_t offset, int bit) {
  Storage storage;
  const Storage::File file = storage.open_write(path);
  std::byte byte;
  storage.pread(file, {&byte, 1}, offset);
  byte ^= static_cast<std::byte>(1 << bit);
  storage.pwrite(file, {&byte, 1}, offset);
}

}  // namespace

TEST_CASE("saved on one mesh, loaded on others, cut in the middle of rows: every byte equal") {
  for (const Cut saved : {Cut::owner, Cut::zero}) {
    const TemporaryFolder run;
    Storage storage;
    for (const SaveResult& result : save_together(storage, run.path(), 4, 2, 2, saved, Size::large)) REQUIRE_FALSE(result.error);
    for (const auto& [tp, dp] : {std::pair{1, 1}, {2, 1}, {1, 2}, {2, 2}, {4, 1}, {4, 2}, {1, 8}, {8, 1}}) {
      CHECK(on_threads(tp * dp, [&, tp = tp, dp = dp](Communicator& control, Failures& failures) {
              CheckpointLoader loader(storage, run.path(), control);
              failures.expect(loader.open(), "one is found");
              for (const Cut cut : {Cut::owner, Cut::zero}) {
                const auto tensors = model(where(tp, dp, control.rank(), cut), -1, Size::large);
                loader.load(tensors);
                failures.expect(holds(tensors, 4), "tensors of step 4");
              }
              failures.expect(loader.state().step == 4, "the step");
              failures.expect(loader.state().data_state == state_of(4).data_state, "the data state");
              failures.expect(loader.id().step == 4, "the step of its folder");
            }) == "");
    }
  }
}

TEST_CASE("a new run has nothing to load, and says so without an error") {
  const TemporaryFolder run;
  Storage storage;
  CHECK_FALSE(load_alone(storage, run.path()).found);
}

TEST_CASE("a save that was killed at any call leaves one of the two good states") {
  for (const Fault fault : {Fault::kill_half}) {
    int kills = 0, new_state = 0;
    for (int at = 1;; ++at) {
      const TemporaryFolder run;
      Storage good;
      save_alone(good, run.path(), 1);
      FaultyStorage faulty(fault, at);
      bool killed = false;
      try {
        save_alone(faulty, run.path(), 2, 1, 1);  // keep 1: the older one is deleted at the end
      } catch (const Killed&) {
        killed = true;
      }
      const Loaded loaded = load_alone(good, run.path());
      CAPTURE(at);
      CHECK(loaded.found);
      CHECK(loaded.exact);
      CHECK((loaded.step == 1 || loaded.step == 2));
      CHECK(loaded.messages.empty());  // no half-made checkpoint was ever visible
      new_state += loaded.step == 2;
      kills += killed;
      const SaveResult next = save_alone(good, run.path(), 3, 2);  // the next attempt is not in the way of what is left
      CHECK_FALSE(next.error);
      if (!killed) {
        CHECK(loaded.step == 2);
        break;
      }
      REQUIRE(at < 500);
    }
    CHECK(kills > 40);
    CHECK(new_state > 5);
  }
}

TEST_CASE("bits flipped anywhere in the newest checkpoint are never loaded") {
  Storage storage;
  std::mt19937 random(7);
  int stepped_back = 0, harmless = 0;
  const std::string name = "checkpoints/step_00000002.a0001";
  for (const std::string& file : storage.list(prepared() / name)) {
    const std::int64_t size = storage.size(prepared() / (name + "/" + file));
    for (int trial = 0; trial < 40; ++trial) {
      Copy copy;
      const std::int64_t offset = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(size));
      flip(copy.newest + "/" + file, offset, static_cast<int>(random() % 8));
      const Loaded loaded = copy.load();
      CAPTURE(file, offset);
      CHECK(loaded.exact);
      if (loaded.step == 2) {
        CHECK(file == "shard_0000.h5");  // HDF5's own bytes, which loading does not read
        ++harmless;
      } else {
        CHECK(loaded.step == 1);
        CHECK(any_contains(loaded.messages, "step_00000002.a0001 does not verify"));
        CHECK(storage.exists(copy.newest + ".corrupt"));
        ++stepped_back;
      }
    }
  }
  CHECK(stepped_back + harmless == 200);
  CHECK(stepped_back > 165);
}

TEST_CASE("every file cut short or missing: stepped back") {
  Storage storage;
  for (const std::string& file : storage.list(prepared() / "checkpoints/step_00000002.a0001")) {
    for (const int percent : {-1, 0, 30, 99}) {
      Copy copy;
      const std::string path = copy.newest + "/" + file;
      if (percent < 0) storage.unlink(path);
      if (percent >= 0) storage.truncate(storage.open_write(path), storage.size(path) * percent / 100);
      const Loaded loaded = copy.load();
      CAPTURE(file, percent);
      CHECK(loaded.step == 1);
      CHECK(loaded.exact);
      CHECK(loaded.messages.size() == 1);
    }
  }
}

TEST_CASE("swapped shards, a stale shard and a folder under another name are refused") {
  const TemporaryFolder run;
  Storage storage;
  for (const std::int64_t step : {1, 2}) save_together(storage, run.path(), step, 1, 2, Cut::zero);
  const std::string first = run / "checkpoints/step_00000001.a0001", second = run / "checkpoints/step_00000002.a0001";
  SECTION("swapped") {
    fs::rename(second + "/shard_0000.h5", second + "/x");
    fs::rename(second + "/shard_0001.h5", second + "/shard_0000.h5");
    fs::rename(second + "/x", second + "/shard_0001.h5");
  }
  SECTION("stale") {
    fs::remove(second + "/shard_0001.h5");
    fs::copy(first + "/shard_0001.h5", second + "/shard_0001.h5");
  }
  SECTION("a link to another file") {
    fs::rename(second + "/shard_0001.h5", run / "elsewhere");
    fs::create_symlink(run / "elsewhere", second + "/shard_0001.h5");
  }
  SECTION("another name") {
    fs::rename(second, run / "checkpoints/step_00000009.a0001");
    CHECK(any_contains(load_alone(storage, run.path()).messages, "the manifest is that of step 2, attempt 1"));
    return;
  }
  const Loaded loaded = load_alone(storage, run.path());
  CHECK(loaded.step == 1);
  CHECK(loaded.exact);
  CHECK(any_contains(loaded.messages, "step_00000002.a0001 does not verify"));
}

TEST_CASE("nobody follows the hint `latest`, whatever it says and wherever it leads") {
  Copy copy;
  const std::string latest = copy.run / "checkpoints/latest", elsewhere = copy.run / "elsewhere";
  for (const std::string text : {"step_00000001.a0001\n", "../../etc", "/etc/passwd", ""}) {
    copy.storage.write_text(latest, text);
    CHECK(copy.load().step == 2);
  }
  copy.storage.write_text(elsewhere, "kept");
  fs::remove(latest);
  fs::create_symlink(elsewhere, latest);
  CHECK(copy.load().step == 2);
  save_alone(copy.storage, copy.run.path(), 3, 1);
  CHECK(copy.load().step == 3);
  CHECK(copy.storage.read_text(elsewhere) == "kept");
  CHECK_FALSE(fs::is_symlink(latest));
}

TEST_CASE("when nothing can be loaded it is an error that says why, not a start from step 0") {
  Copy copy;
  flip(copy.newest + "/state.json", 10, 0);
  copy.storage.unlink(copy.older + "/MANIFEST.json");
  const std::string message = error_of([&] { copy.load(); });
  CHECK(contains(message, "none of this run's checkpoints can be loaded"));
  CHECK(contains(message, "step_00000002.a0001 does not verify: the checksum of state.json does not match"));
  CHECK(contains(message, "step_00000001.a0001 does not verify: there is no manifest"));
  CHECK(contains(error_of([&] { copy.load(); }), "none of this run's checkpoints can be loaded"));  // nor at the next start
  append_lineage(copy.storage, copy.run.path(), {Event::abandon, 1, 0, ""});                        // what --restart writes
  CHECK_FALSE(copy.load().found);
}

TEST_CASE("unhealthy, abandoned and left-behind checkpoints and those of another run are not chosen") {
  Copy copy;
  SECTION("unhealthy") {
    save_alone(copy.storage, copy.run.path(), 3, 1, 0, {false, true});
    const Loaded loaded = copy.load();
    CHECK(loaded.step == 2);
    CHECK(any_contains(loaded.messages, "step_00000003.a0001 is passed over: it is unhealthy"));
  }
  SECTION("abandoned") {
    append_lineage(copy.storage, copy.run.path(), {Event::abandon, 1, 2, ""});
    CHECK(copy.load().step == 1);
  }
  SECTION("left behind by a resume from an earlier step, known from the record") {
    append_lineage(copy.storage, copy.run.path(), {Event::resume, 2, 1, ""});
    CHECK(copy.load().step == 1);
  }
  SECTION("left behind, known from the parent in a manifest") {
    const CheckpointId parent = check_manifest(copy.storage, copy.older).id;
    save_alone(copy.storage, copy.run.path(), 5, 2, 0, {}, parent);
    save_alone(copy.storage, copy.run.path(), 6, 2, 0, {}, parent);
    CHECK(copy.load().step == 6);
    copy.storage.unlink(copy.run / "checkpoints/step_00000006.a0002/state.json");
    CHECK(copy.load().step == 5);
    copy.storage.remove_directory(copy.run / "checkpoints/step_00000005.a0002");
    CHECK(copy.load().step == 2);  // nobody is left who says that attempt 2 began at step 1
  }
  SECTION("a later attempt is newer, whatever its step") {
    save_alone(copy.storage, copy.run.path(), 2, 2, 0, {}, check_manifest(copy.storage, copy.older).id);
    CHECK(copy.load().id.attempt == 2);
  }
  SECTION("another run") {
    TemporaryFolder other;
    save_alone(copy.storage, other.path(), 9);
    fs::copy(other / "checkpoints/step_00000009.a0001", copy.run / "checkpoints/step_00000009.a0001");
    const Loaded loaded = copy.load();
    CHECK(loaded.step == 2);
    CHECK(any_contains(loaded.messages, "step_00000009.a0001 is passed over: it belongs to another run"));
  }
}

TEST_CASE("what the model wants and the checkpoint lacks is an error and sets nothing aside") {
  Copy copy;
  const auto control = std::move(make_local_group(1).front());
  CheckpointLoader loader(copy.storage, copy.run.path(), *control);
  REQUIRE(loader.open());
  const CheckpointTensor missing{"parameters/none", {3}, whole_piece(whole({3})), at::zeros({3}, at::kFloat), false};
  CHECK(error_of([&] { loader.load({missing}); }) == "the checkpoint has no tensor parameters/none @ " + copy.newest);
  const CheckpointTensor shape{"parameters/norm", {29}, whole_piece(whole({29})), at::zeros({29}, at::kDouble), false};
  CHECK(contains(error_of([&] { loader.load({shape}); }), "tensor parameters/norm is [30] in the checkpoint"));
  CHECK(copy.storage.exists(copy.newest));
}

TEST_CASE("a disk that does not answer ends the load and sets nothing aside") {
  Storage plain;
  int errors = 0;
  for (int at = 1;; ++at) {
    Copy copy;
    FaultyStorage faulty(Fault::error, at);
    const std::string message = error_of([&] { load_alone(faulty, copy.run.path()); });
    CHECK(plain.exists(copy.newest));
    if (message == "no error") break;
    CHECK(contains(message, "planted failure"));
    REQUIRE(++errors < 300);
  }
  CHECK(errors > 10);
}

TEST_CASE("one rank meets a bad block: all ranks step back together") {
  Copy copy;
  const Manifest manifest = check_manifest(copy.storage, copy.newest);
  const std::string path = copy.newest + "/index.json";
  const CheckpointIndex index = parse_index(copy.storage.read_text(path), path, manifest);
  const StoredPiece& piece = index.find("parameters/embedding")->pieces.at(0);
  flip(copy.newest + "/" + piece.file, piece.offset + piece.bytes - 1, 0);
  CHECK(on_threads(4, [&](Communicator& control, Failures& failures) {
          CheckpointLoader loader(copy.storage, copy.run.path(), control);
          failures.expect(loader.open(), "one is found");
          failures.expect(loader.state().step == 2, "the newest");
          std::vector<CheckpointTensor> tensors = model(where(4, 1, control.rank(), Cut::owner), -1);
          if (control.rank() != 3) tensors.erase(tensors.begin());  // only rank 3 reads the tensor
          loader.load(tensors);
          failures.expect(loader.state().step == 1, "the one before");
          failures.expect(holds(tensors, 1), "tensors of step 1");
          const std::string why = "block 0 of tensor parameters/embedding does not match its checksum";
          failures.expect(
              std::ranges::any_of(loader.messages(), [&](const std::string& text) { return text.find(why) != std::string::npos; }),
              "why it steps back");
        }) == "");
}
