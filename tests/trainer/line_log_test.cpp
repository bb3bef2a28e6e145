// SPDX-License-Identifier: Apache-2.0
#include "trainer/line_log.hpp"

#include <unistd.h>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

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

TEST_CASE("a torn last line is cut and counted") {
  TemporaryFolder folder;
  Storage storage;
  storage.write_text(folder / "log", "one\ntwo\nthr");
  LineLog log(storage, folder / "log");
  CHECK(log.torn_lines() == 1);
  log.append("three");
  CHECK(storage.read_text(folder / "log") == "one\ntwo\nthree\n");
}

TEST_CASE("a file that is one torn line becomes empty") {
  TemporaryFolder folder;
  Storage storage;
  storage.write_text(folder / "log", "on");
  CHECK(LineLog(storage, folder / "log").torn_lines() == 1);
  CHECK(storage.read_text(folder / "log").empty());
}
