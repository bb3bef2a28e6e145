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

TEST_CASE("escapes of lone surrogates are replaced, pairs and escaped backslashes are not") {
  struct Case {
    std::string json, replaced;
    std::int64_t count;
  };
  const Case cases[] = {
      {"plain", "plain", 0},
      {R"("\ud83d\ude00 \uD83D\uDE00 \u00e9\n")", R"("\ud83d\ude00 \uD83D\uDE00 \u00e9\n")", 0},
      {R"("\ud83d")", R"("\ufffd")", 1},
      {R"("\uDE00\uD83Dx\udfff")", R"("\ufffd\ufffdx\ufffd")", 3},
      {R"("\ud83d\ud83d\ude00\ude00")", R"("\ufffd\ud83d\ude00\ufffd")", 2},
      {R"("\ud83d\n\ude00\ud83d\u0041")", R"("\ufffd\n\ufffd\ufffd\u0041")", 3},
      {R"("\\ud83d \\\ud83d \\\\ud83d")", R"("\\ud83d \\\ufffd \\\\ud83d")", 1},
      {R"("\ud7ff\ue000\ud8 \ud83g \u-d83 \ud83)", R"("\ud7ff\ue000\ud8 \ud83g \u-d83 \ud83)", 0},
      {R"("\)", R"("\)", 0},
  };

  for (const Case& one : cases) {
    CAPTURE(one.json);
    std::string json = one.json;
    CHECK(replace_lone_surrogates(json) == one.count);
    CHECK(json == one.replaced);
    CHECK(replace_lone_surrogates(json) == 0);
  }
}
