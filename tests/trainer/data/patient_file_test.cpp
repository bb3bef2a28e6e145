// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/patient_file.hpp"

#include <cerrno>
#include <cstring>

#include "tests/trainer/data/store_fixture.hpp"
#include "tests/trainer/data/unsteady_storage.hpp"
#include "trainer/data/token_source.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

constexpr Patience brief = {4, {0.001}};

}  // namespace

TEST_CASE("a read that fails with EIO or ESTALE is tried again on the file opened anew, and counted") {
  TemporaryFolder folder;
  UnsteadyStorage disk;
  write_file(folder / "a", "0123456789");
  PatientFile file(
      disk.open_read(folder / "a"), [&] { return disk.open_read(folder / "a"); }, disk, brief);
  char text[3];
  for (const int number : {EIO, ESTALE}) {
    disk.number = number;
    disk.failing = 3;
    const std::int64_t before = file.retries();
    file.pread(std::as_writable_bytes(std::span(text)), 4);
    CHECK(std::memcmp(text, "456", 3) == 0);
    CHECK(file.retries() == before + 3);
    CHECK(file.openings() == file.retries());
  }
  const int reads = disk.reads;
  file.pread(std::as_writable_bytes(std::span(text)), 0);
  CHECK(disk.reads == reads + 1);
}

TEST_CASE("a file may be opened by its first read, and must have the size that was told") {
  TemporaryFolder folder;
  UnsteadyStorage disk;
  write_file(folder / "a", "0123456789");
  int opened = 0;
  const auto open = [&] {
    ++opened;
    return disk.open_read(folder / "a");
  };
  char text[3];
  PatientFile file({10}, open, disk, brief);
  CHECK(opened == 0);
  disk.failing = 1;
  file.pread(std::as_writable_bytes(std::span(text)), 4);
  CHECK(std::memcmp(text, "456", 3) == 0);
  CHECK(opened == 2);
  CHECK(file.openings() == 1);
  PatientFile longer({11}, open, disk, brief);
  CHECK(contains(problem_of([&] { longer.pread(std::as_writable_bytes(std::span(text)), 0); }), "had 11 bytes, now it has 10"));
}

TEST_CASE("patience ends, and other failures are thrown at once") {
  TemporaryFolder folder;
  UnsteadyStorage disk;
  write_file(folder / "a", "0123456789");
  PatientFile file(
      disk.open_read(folder / "a"), [&] { return disk.open_read(folder / "a"); }, disk, brief);
  char text[3];
  const auto read = [&] { file.pread(std::as_writable_bytes(std::span(text)), 0); };

  disk.failing = 4;
  CHECK(contains(problem_of(read), folder / "a" + ": pread failed: Input/output error, 4 times in 0.0 s"));
  CHECK(disk.failing == 0);
  disk.failing = 2;
  disk.number = EACCES;
  CHECK(contains(problem_of(read), "Permission denied"));
  CHECK(disk.failing == 1);
}

TEST_CASE("the cache of a file is dropped as patiently as it is read") {
  TemporaryFolder folder;
  struct : UnsteadyStorage {
    void drop_cache(const File& file) override {
      if (failing-- > 0) fail_call("fdatasync", file.path(), ESTALE);
      ++drops;
      Storage::drop_cache(file);
    }
    int drops = 0;
  } disk;
  write_file(folder / "a", "0123456789");
  PatientFile file(
      {10}, [&] { return disk.open_read(folder / "a"); }, disk, brief);
  disk.failing = 2;
  file.drop_cache();
  CHECK(disk.drops == 1);
  CHECK(file.retries() == 2);
  disk.failing = 4;
  CHECK(contains(problem_of([&] { file.drop_cache(); }), "4 times"));
  CHECK(disk.drops == 1);
}

TEST_CASE("a file that was replaced meanwhile is refused by its size, and its tokens are checked again") {
  TemporaryFolder folder;
  UnsteadyStorage disk;
  make_store(folder / "a.h5", some_documents(40), disk);
  const TokenStore store(folder / "a.h5", disk);
  std::vector<std::int32_t> out(20);
  store.read(0, out);
  const std::int64_t data = read_hdf5_contents(folder / "a.h5", {"/tokens/data"}).datasets.at("/tokens/data").offset;
  disk.number = ESTALE;

  // The same size, other tokens in a block that was checked before.
  disk.on_failure = [&] { flip_bit(folder / "a.h5", data + 4); };
  disk.failing = 1;
  CHECK(contains(problem_of([&] { store.read(0, out); }), "block 0 of /tokens/data"));
  CHECK(store.retries() == 1);

  disk.on_failure = [&] { write_file(folder / "a.h5", "short"); };
  disk.failing = 1;
  CHECK(contains(problem_of([&] { store.read(0, out); }), "it was replaced while it was read"));
}
