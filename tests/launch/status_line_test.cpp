// SPDX-License-Identifier: Apache-2.0
#include "launch/status_line.hpp"

#include <functional>

#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::string written(StatusLine::Style style, const std::function<void(StatusLine&)>& use) {
  test::TemporaryFolder folder;
  std::FILE* file = std::fopen((folder / "out").c_str(), "w+");
  {
    StatusLine line(file, style);
    use(line);
  }
  std::fclose(file);
  return test::read_file(folder / "out");
}

}  // namespace

TEST_CASE("plain lines stand one below the other") {
  const auto use = [](StatusLine& line) {
    line.show("one");
    line.message("said");
    line.show("two");
  };
  CHECK(written(StatusLine::Style::plain, use) == "one\nsaid\ntwo\n");
}

TEST_CASE("in a terminal a line replaces the one before, a message stays, and the last line is ended") {
  const auto use = [](StatusLine& line) {
    line.show("one");
    line.show("two");
    line.message("said");
    line.message("again");
    line.show("three");
  };
  CHECK(written(StatusLine::Style::terminal, use) == "one\r\033[Ktwo\r\033[Ksaid\nagain\nthree\n");
  CHECK(written(StatusLine::Style::terminal, [](StatusLine&) {}).empty());
}

TEST_CASE("a file is no terminal") {
  test::TemporaryFolder folder;
  std::FILE* file = std::fopen((folder / "out").c_str(), "w");
  CHECK(style_of(file) == StatusLine::Style::plain);
  std::fclose(file);
}
