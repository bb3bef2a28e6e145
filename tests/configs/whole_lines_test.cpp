// SPDX-License-Identifier: Apache-2.0
#include "configs/whole_lines.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("whole lines end before the first torn one") {
  CHECK(whole_lines("") == 0);
  CHECK(whole_lines("one") == 0);
  CHECK(whole_lines("one\n") == 4);
  CHECK(whole_lines("one\ntw") == 4);
  CHECK(whole_lines(std::string("one\nt\0o\nthree\n", 14)) == 4);
  CHECK(whole_lines(std::string("\0\0\0\n", 4)) == 0);
}

TEST_CASE("of a file that is synced behind every line only the last can be torn") {
  CHECK(lines_but_a_torn_last("") == 0);
  CHECK(lines_but_a_torn_last("on") == 0);
  CHECK(lines_but_a_torn_last("one\ntwo\n") == 8);
  CHECK(lines_but_a_torn_last("one\ntw") == 4);
  CHECK(lines_but_a_torn_last(std::string("one\nt\0o\n", 8)) == 4);
  CHECK(lines_but_a_torn_last(std::string("o\0e\n", 4)) == 0);
  CHECK(lines_but_a_torn_last(std::string("one\nt\0o\nthree\n", 14)) == 14);  // its reader finds it
  CHECK(lines_but_a_torn_last(std::string("one\nt\0o\nth", 10)) == 8);
}
