// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/property_class.hpp"

#include <fmt/format.h>

#include "trainer/data/tokenizers/code_points.hpp"
#include "trainer/data/tokenizers/regex.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("property_class: a class holds exactly the code points of the reference, whatever PCRE2 knows") {
  const char* property = GENERATE("L", "N", "M", "P", "S", "Lu", "Ll", "Lt", "Lm", "Lo", "Nd");
  CAPTURE(property);
  const Regex pattern(fmt::format("[{}]", property_items(property)), "test");
  RegexScratch scratch;
  const std::string_view wanted = property;

  int wrong = 0;
  std::string text;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    text.clear();
    append_utf8(c, text);
    wrong += pattern.find(text, 0, scratch).has_value() != general_category(c).starts_with(wanted);
  }

  CHECK(wrong == 0);
}

TEST_CASE("property_class: ranges are written in hexadecimal, and an unknown property is empty") {
  CHECK(class_items({{U'a', U'c'}, {U' ', U' '}}) == "\\x{61}-\\x{63}\\x{20}");
  CHECK(property_items("Greek").empty());
}

TEST_CASE("property_class: a complement leaves out surrogates") {
  const auto rest = complement({{0, 0x40}, {0x100, 0x10FFFE}});

  REQUIRE(rest.size() == 2);
  CHECK(rest[0] == CodePointRange{0x41, 0xFF});
  CHECK(rest[1] == CodePointRange{0x10FFFF, 0x10FFFF});
  CHECK(complement({}) == std::vector<CodePointRange>{{0, 0xD7FF}, {0xE000, 0x10FFFF}});
}
