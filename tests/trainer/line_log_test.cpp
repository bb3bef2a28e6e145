// SPDX-License-Identifier: Apache-2.0
#include "trainer/line_log.hpp"

#include <unistd.h>

#include "configs/error.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::TemporaryFolder;

TEST_CASE("a line log appends over several openings") {
  TemporaryFolder folder;
  Storage storage;
  { LineLog(storage, folder / "log").append("one"); }
  LineLog log(storage, folder / "log");
  log.append("two");
  log.sync();
  CHECK(log.torn_lines() == 0);
  CHECK(storage.read_text(folder / "log") == "one\ntwo\n");
}

TEST_CASE("lines from a page of zeros on are cut: a crash left it where a line was not synced") {
  TemporaryFolder folder;
  Storage storage;
  storage.write_text(folder / "log", std::string("one\n\0\0\0o\nthree\n", 15));
  CHECK(LineLog(storage, folder / "log").torn_lines() == 1);
  CHECK(storage.read_text(folder / "log") == "one\n");
}

TEST_CASE("a torn last line is cut and counted") {
  TemporaryFolder folder;
  Storage storage;
  storage.write_text(folder / "log", "one\ntwo\nthr");
  LineLog log(storage, folder / "log");
  CHECK(log.torn_lines() == 1);
  log.append("three");
  CHECK(storage.read_text(folder / "log") == "one\ntwo\nthree\n");
}

namespace {

// A disk with room for so many bytes.
struct SmallDisk : Storage {
  void append(const File& file, std::string_view text) override {
    if (text.size() > room) {
      Storage::append(file, text.substr(0, room));
      room = 0;
      throw Error("write failed: no room", file.path(), "", ExitCode::data);
    }
    room -= text.size();
    Storage::append(file, text);
  }
  void truncate(const File& file, std::int64_t bytes) override {
    if (broken) throw Error("ftruncate failed", file.path(), "", ExitCode::data);
    Storage::truncate(file, bytes);
  }
  std::size_t room = 6;
  bool broken = false;
};

}  // namespace

TEST_CASE("a line that fails half-way is taken back, and the next one goes behind whole lines") {
  TemporaryFolder folder;
  SmallDisk disk;
  LineLog log(disk, folder / "log");
  log.append("one");
  CHECK_THROWS_WITH(log.append("two"), Catch::Contains("no room"));
  CHECK(disk.read_text(folder / "log") == "one\n");
  disk.room = 100;
  log.append("three");
  CHECK(disk.read_text(folder / "log") == "one\nthree\n");
}

TEST_CASE("nothing is written behind a torn line that cannot be taken back") {
  TemporaryFolder folder;
  SmallDisk disk;
  LineLog log(disk, folder / "log");
  disk.broken = true;
  CHECK_THROWS_WITH(log.append("a longer line"), Catch::Contains("no room"));
  disk.room = 100;
  CHECK_THROWS_WITH(log.append("two"), Catch::Contains("a line was torn"));
  CHECK(disk.read_text(folder / "log") == "a long");
  disk.broken = false;
  CHECK(LineLog(disk, folder / "log").torn_lines() == 1);
}

TEST_CASE("a file that is one torn line becomes empty") {
  TemporaryFolder folder;
  Storage storage;
  storage.write_text(folder / "log", "on");
  CHECK(LineLog(storage, folder / "log").torn_lines() == 1);
  CHECK(storage.read_text(folder / "log").empty());
}
