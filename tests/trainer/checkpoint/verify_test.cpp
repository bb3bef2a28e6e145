// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/verify.hpp"

#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/crc32c.hpp"

using namespace ergon;

namespace {

struct Saved {
  TemporaryFolder run;
  Storage storage;
  std::string folder = run / "checkpoints/step_00000001.a0001";
  Saved() {
    for (const SaveResult& result : save_together(storage, run.path(), 1, 1, 2, Cut::zero, Size::large)) REQUIRE_FALSE(result.error);
  }
  std::vector<std::string> problems(VerifyDepth depth = VerifyDepth::full) { return verify_checkpoint(storage, folder, depth); }
  CheckpointIndex index() { return parse_index(storage.read_text(folder + "/index.json"), "i", check_manifest(storage, folder)); }
  void flip(const std::string& name, std::int64_t offset) {
    const Storage::File file = storage.open_write(folder + "/" + name);
    std::byte byte;
    storage.pread(file, {&byte, 1}, offset);
    byte ^= std::byte{1};
    storage.pwrite(file, {&byte, 1}, offset);
  }
  // Rewrites a file together with its row in the manifest, as a liar would.
  void replace(const std::string& name, const std::string& text) {
    Manifest manifest = check_manifest(storage, folder);
    for (StoredFile& file : manifest.files) {
      if (file.name == name) file = {name, static_cast<std::int64_t>(text.size()), crc32c(text)};
    }
    storage.write_text(folder + "/" + name, text);
    storage.write_text(folder + "/MANIFEST.json", to_text(manifest));
  }
};

}  // namespace

TEST_CASE("an intact checkpoint has no problems") {
  Saved saved;
  CHECK(saved.problems().empty());
  CHECK(saved.problems(VerifyDepth::bytes).empty());
}

TEST_CASE("every bit of a shard is covered: data by its block, HDF5's own bytes by the file's checksum") {
  Saved saved;
  const StoredPiece piece = saved.index().find("parameters/large")->pieces.at(0);
  REQUIRE(piece.crcs.size() == 1);
  saved.flip(piece.file, piece.offset + 5);
  const auto data = saved.problems();
  CHECK(any_contains(data, piece.file + ": the checksum of the file does not match"));
  CHECK(any_contains(data, "block 0 of /parameters/large[0:300,0:1000][0:150000] (parameters/large) does not match its checksum"));
  saved.flip(piece.file, piece.offset + 5);
  CHECK(saved.problems().empty());
  saved.flip(piece.file, 9);
  CHECK(saved.problems() == std::vector<std::string>{piece.file + ": the checksum of the file does not match"});
}

TEST_CASE("an index that disagrees with the HDF5 layout is found, though every checksum matches") {
  Saved saved;
  std::string text = saved.storage.read_text(saved.folder + "/index.json");
  const auto swap = [&](const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
  };
  SECTION("another dataset") {
    swap("/parameters/norm[0:30][0:15]", "/parameters/matrix[0:40,0:30][0:600]");
    saved.replace("index.json", text);
    CHECK(saved.problems(VerifyDepth::bytes).empty());
    CHECK(saved.problems().size() == 1);
  }
  SECTION("a dataset that is not there") {
    swap("/parameters/norm[0:30][0:15]", "/parameters/nothing");
    saved.replace("index.json", text);
    const auto problems = saved.problems();
    REQUIRE(problems.size() == 1);
    CHECK(contains(problems[0], "/parameters/nothing"));
  }
}

TEST_CASE("a state of another step and a folder that is none") {
  Saved saved;
  RunState state = state_of(8);
  saved.replace("state.json", to_text(state));
  CHECK(saved.problems() == std::vector<std::string>{"the state is that of step 8, the manifest that of 1"});
  CHECK(any_contains(verify_checkpoint(saved.storage, saved.run.path(), VerifyDepth::full), "there is no manifest"));
}
