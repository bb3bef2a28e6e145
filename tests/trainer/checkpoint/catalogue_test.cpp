// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/catalogue.hpp"

#include "tests/trainer/checkpoint/fixture.hpp"

using namespace ergon;

namespace {

std::vector<std::string> names(const std::vector<const CatalogueEntry*>& entries) {
  std::vector<std::string> found;
  for (const CatalogueEntry* entry : entries) found.push_back(entry->name);
  return found;
}

}  // namespace

TEST_CASE("checkpoints are listed newest first by attempt and step; only committed ones of the lineage are candidates") {
  const TemporaryFolder run;
  Storage storage;
  CHECK(read_catalogue(storage, run.path()).entries.empty());
  const SaveResult first = save_alone(storage, run.path(), 100);
  save_alone(storage, run.path(), 200);
  save_alone(storage, run.path(), 150, 2, 0, {}, first.id);
  for (const char* name : {"step_00000300.a0001.tmp1", "step_00000400.a0001.corrupt", "step_00000500.a0001.del", "step_3.a0001",
                           "step_00000100.a1", "other"}) {
    storage.make_directory(run / ("checkpoints/" + std::string(name)));
  }
  const Catalogue catalogue = read_catalogue(storage, run.path());
  CHECK(names(catalogue.candidates()) == std::vector<std::string>{"step_00000150.a0002", "step_00000100.a0001"});
  REQUIRE(catalogue.entries.size() == 6);
  CHECK(catalogue.entries[0].name == "step_00000150.a0002");
  CHECK(catalogue.entries[1].suffix == ".del");
  CHECK(catalogue.entries[3].suffix == ".tmp1");
  CHECK(catalogue.entries[4].manifest->id.step == 200);
  CHECK(checkpoint_name(123'456'789, 12'345) == "step_123456789.a12345");
}

TEST_CASE("a committed folder that does not verify stays a candidate, with its problem") {
  const TemporaryFolder run;
  Storage storage;
  const SaveResult result = save_alone(storage, run.path(), 100);
  storage.truncate(storage.open_write(result.folder + "/shard_0000.h5"), 5);
  const Catalogue catalogue = read_catalogue(storage, run.path());
  REQUIRE(catalogue.candidates().size() == 1);
  CHECK_FALSE(catalogue.entries[0].manifest);
  CHECK(contains(catalogue.entries[0].problem, "the file shard_0000.h5 has 5 bytes"));
  CHECK(error_of([&] { read_checked(storage, result.folder, "latest", Manifest{}); }) ==
        "the manifest does not have latest @ " + result.folder);
}

TEST_CASE("a file that claims to be endless is not read, and a folder is no file") {
  const TemporaryFolder run;
  Storage storage;
  const SaveResult result = save_alone(storage, run.path(), 100);
  const std::string manifest = result.folder + "/MANIFEST.json";
  storage.truncate(storage.open_write(manifest), std::int64_t{1} << 36);  // has no blocks on the disk
  CHECK(error_of([&] { check_manifest(storage, result.folder); }) ==
        "68719476736 bytes of JSON are refused, the limit is 100000000 @ " + manifest);
  storage.unlink(manifest);
  storage.make_directory(manifest);
  CHECK(error_of([&] { check_manifest(storage, result.folder); }) == "MANIFEST.json is not an ordinary file @ " + result.folder);
}

TEST_CASE("quarantine never overwrites") {
  const TemporaryFolder run;
  Storage storage;
  for (const char* expected : {"step_00000100.a0001.corrupt", "step_00000100.a0001.corrupt2", "step_00000100.a0001.corrupt3"}) {
    save_alone(storage, run.path(), 100);
    CHECK(quarantine(storage, run.path(), "step_00000100.a0001") == expected);
  }
}
