// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/verify.hpp"

#include <hdf5.h>

#include <nlohmann/json.hpp>

#include "parallel/communicator_local.hpp"
#include "tests/trainer/checkpoint/fixture.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/checkpoint/loader.hpp"
#include "trainer/crc32c.hpp"

using namespace ergon;

namespace {

struct SavedRun {
  TemporaryFolder run;
  ergon::test::InspectingStorage storage;
  std::string folder = run / "checkpoints/step_00000001.a0001";
  SavedRun() {
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
    Manifest manifest = parse_manifest(storage.read_text(folder + "/MANIFEST.json"), "m");
    for (StoredFile& file : manifest.files) {
      if (file.name == name) file = {name, static_cast<std::int64_t>(text.size()), crc32c(text)};
    }
    storage.write_text(folder + "/" + name, text);
    storage.write_text(folder + "/MANIFEST.json", to_text(manifest));
  }
};

}  // namespace

TEST_CASE("an intact checkpoint has no problems") {
  SavedRun saved;
  CHECK(saved.problems().empty());
  CHECK(saved.problems(VerifyDepth::bytes).empty());
}

TEST_CASE("every bit of a shard is covered: data by its block, HDF5's own bytes by the file's checksum") {
  SavedRun saved;
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
  SavedRun saved;
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
    CHECK(any_contains(saved.problems(), "/parameters/norm[0:30][0:15], which the index does not list"));
    CHECK(any_contains(saved.problems(), "where /parameters/norm[0:30][0:15] of parameters/norm belongs"));
  }
  SECTION("a dataset that is not there") {
    swap("/parameters/norm[0:30][0:15]", "/parameters/nothing");
    saved.replace("index.json", text);
    const auto problems = saved.problems();
    CHECK(any_contains(problems, "HDF5 has no /parameters/nothing, which the index lists"));
  }
  SECTION("two tensors that trade places") {
    swap("\"name\": \"parameters/matrix\"", "\"name\": \"parameters/matriy\"");
    saved.replace("index.json", text);
    CHECK(saved.problems(VerifyDepth::bytes).empty());
    CHECK(any_contains(saved.problems(), "of parameters/matriy belongs"));
  }
}

namespace {

const std::vector<std::string> bad_names = {"",       "..",      "../step_00000001.a0001/shard_0000.h5", "/etc/passwd",
                                            "a b.h5", "a\nb.h5", std::string("shard_0000.h5\0x", 15),    std::string(256, 'x')};

// How verification and a load refuse the run of a checkpoint.
std::string load_refusal(SavedRun& saved) {
  auto ranks = make_local_group(1);
  CheckpointLoader loader(saved.storage, saved.run.path(), *ranks[0]);
  try {
    loader.open();
  } catch (const Error& error) {
    return error.what();
  }
  return "loaded";
}

}  // namespace

TEST_CASE("a name in the manifest that leads out of the folder is refused, and never opened") {
  for (const std::string& name : bad_names) {
    SavedRun saved;
    Manifest manifest = parse_manifest(saved.storage.read_text(saved.folder + "/MANIFEST.json"), "m");
    for (StoredFile& file : manifest.files)
      if (file.name == "shard_0000.h5") file.name = name;
    saved.storage.write_text(saved.folder + "/MANIFEST.json", to_text(manifest));
    INFO(name);
    const auto problems = saved.problems();
    REQUIRE(problems.size() == 1);
    CHECK(any_contains(problems, "the file name '" + shown_name(name) + "' is refused: it is not one component of A-Z a-z 0-9 . _ -"));
    CHECK_THAT(load_refusal(saved), Catch::Contains("' is refused: it is not one component"));
  }
}

TEST_CASE("a name in the index that the manifest does not have is refused, whatever it is") {
  for (const std::string& name : bad_names) {
    SavedRun saved;
    std::string text = saved.storage.read_text(saved.folder + "/index.json");
    const std::string from = "\"shard_0000.h5\"", to = nlohmann::json(name).dump();
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
    saved.replace("index.json", text);
    INFO(name);
    const auto problems = saved.problems();
    REQUIRE(problems.size() == 1);
    CHECK(any_contains(problems, "which the manifest does not have"));
  }
}

TEST_CASE("links inside a checkpoint, and a checkpoint that is one, are refused") {
  for (const std::string name : {"shard_0000.h5", "index.json", "MANIFEST.json", ""}) {
    SavedRun saved;
    const std::string path = name.empty() ? saved.folder : saved.folder + "/" + name, moved = saved.run / "moved";
    std::filesystem::rename(path, moved);
    std::filesystem::create_symlink(moved, path);
    INFO(name);
    const std::string problem = name + " is not an ordinary file";
    if (name.empty()) {
      CHECK_THAT(load_refusal(saved),
                 Catch::Contains("Too many levels of symbolic links") && Catch::Contains("a symbolic link is refused here"));
      CHECK_THAT(error_of([&] { saved.problems(); }), Catch::Contains("Too many levels of symbolic links"));
    } else {
      CHECK(any_contains(saved.problems(), problem));
      CHECK_THAT(load_refusal(saved), Catch::Contains(problem));
    }
  }
}

TEST_CASE("a shard edited by another program is found, though every checksum was made right again") {
  SavedRun saved;
  const std::string path = saved.folder + "/shard_0000.h5";
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  REQUIRE(file >= 0);
  const hid_t space = H5Screate(H5S_SCALAR);
  std::string expected;
  SECTION("a dataset more") {
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
    H5Dclose(H5Dcreate2(file, "/parameters/more", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    expected = "HDF5 has /parameters/more, which the index does not list";
  }
  SECTION("a dataset under another name") {
    H5Lmove(file, "/parameters/norm[0:30][0:15]", file, "/parameters/norn", H5P_DEFAULT, H5P_DEFAULT);
    expected = "HDF5 has no /parameters/norm[0:30][0:15], which the index lists";
  }
  SECTION("an attribute more") {
    H5Aclose(H5Acreate2(file, "extra", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT));
    expected = "HDF5 has an attribute extra, which a shard has not";
  }
  SECTION("an attribute changed") {
    const hid_t attribute = H5Aopen(file, "ergon_version", H5P_DEFAULT);
    const std::int64_t version = 2;
    H5Awrite(attribute, H5T_NATIVE_INT64, &version);
    H5Aclose(attribute);
    expected = "the attribute ergon_version is not that of a shard of version 1";
  }
  SECTION("a link to elsewhere") {
    H5Lcreate_external("/etc/passwd", "/x", file, "/parameters/away", H5P_DEFAULT, H5P_DEFAULT);
    expected = "/parameters/away is not a hard link";
  }
  H5Sclose(space);
  H5Fclose(file);
  saved.replace("shard_0000.h5", test::read_file(path));
  CHECK(saved.problems(VerifyDepth::bytes).empty());
  CHECK(any_contains(saved.problems(), expected));
}

TEST_CASE("a state of another step and a folder that is none") {
  SavedRun saved;
  RunState state = state_of(8);
  saved.replace("state.json", to_text(state));
  CHECK(saved.problems() == std::vector<std::string>{"the state is that of step 8, the manifest that of 1"});
  CHECK(any_contains(verify_checkpoint(saved.storage, saved.run.path(), VerifyDepth::full), "there is no manifest"));
}
