// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/utf8.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("ill-formed UTF-8 is replaced by maximal parts") {
  const std::string r = "\xEF\xBF\xBD";
  struct Case {
    std::string text, repaired;
    std::int64_t replaced;
  };
  // The third is the example of the Unicode standard, table 3-8; then overlong, surrogate, too large, cut at the end, lone continuation.
  const Case cases[] = {
      {"", "", 0},
      {"caf\xC3\xA9 \xF0\x9F\x98\x80", "caf\xC3\xA9 \xF0\x9F\x98\x80", 0},
      {"\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64", "a" + r + r + r + "b" + r + "c" + r + r + "d", 6},
      {"\xC0\xAF", r + r, 2},
      {"\xED\xA0\x80", r + r + r, 3},
      {"\xF4\x91\x92\x93\xFF\x41", r + r + r + r + r + "A", 5},
      {"x\xE2\x82", "x" + r, 1},
      {std::string("a\0b", 3), std::string("a\0b", 3), 0},
  };

  for (const Case& one : cases) {
    std::string text = one.text;
    CHECK(repair_utf8(text) == one.replaced);
    CHECK(text == one.repaired);
    CHECK(repair_utf8(text) == 0);
  }
}
