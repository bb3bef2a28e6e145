// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/general_category.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("general_category: characters known to everybody and characters of the latest versions") {
  CHECK(general_category(U'A') == "Lu");
  CHECK(general_category(U'z') == "Ll");
  CHECK(general_category(U' ') == "Zs");
  CHECK(general_category(U'\n') == "Cc");
  CHECK(general_category(0x4E00) == "Lo");
  CHECK(general_category(0x2160) == "Nl");
  CHECK(general_category(0x301) == "Mn");
  CHECK(general_category(0x1E4D0) == "Lo");  // Unicode 15
  CHECK(general_category(0x2EBF0) == "Lo");  // 15.1
  CHECK(general_category(0x10D50) == "Lu");  // 16
  CHECK(general_category(0x11DE0) == "Cn");  // 17
  CHECK(general_category(0x10FFFD) == "Co");
  CHECK(general_category(0x10FFFF) == "Cn");
  CHECK(general_category(0x110000) == "Cn");
}

TEST_CASE("general_category: a property is its code points in order, and one letter is all that begin with it") {
  const auto upper = code_points_of("Lu"), letters = code_points_of("L");
  REQUIRE(upper);
  REQUIRE(letters);
  CHECK(upper->front() == CodePointRange{U'A', U'Z'});
  CHECK(letters->front() == CodePointRange{U'A', U'Z'});
  const auto count = [](const std::vector<CodePointRange>& ranges) {
    std::size_t points = 0;
    for (const auto& range : ranges) points += range.last - range.first + 1;
    return points;
  };
  // Figures of the Unicode 16.0 data.
  CHECK(count(*upper) == 1858);
  CHECK(count(*letters) == 1858 + 2258 + 31 + 404 + 136477);
  CHECK(count(*code_points_of("N")) == 760 + 236 + 915);
  std::size_t all = 0;
  for (const char* group : {"L", "M", "N", "P", "S", "Z", "C"}) all += count(*code_points_of(group));
  CHECK(all == 0x110000);
  CHECK_FALSE(code_points_of("Han"));
  CHECK_FALSE(code_points_of("X"));
  CHECK_FALSE(code_points_of(""));
}

TEST_CASE("general_category: white space, word characters and numbers are those of the references") {
  CHECK(white_space().size() == 10);
  for (const char32_t c : {U' ', U'\t', U'\r', char32_t{0x85}, char32_t{0xA0}, char32_t{0x3000}}) CHECK(is_white_space(c));
  CHECK_FALSE(is_white_space(0x180E));
  CHECK_FALSE(is_white_space(0x200B));
  for (const char32_t c : {U'a', U'0', U'_', char32_t{0x301}, char32_t{0x24B6}, char32_t{0x200D}}) CHECK(is_word(c));
  CHECK_FALSE(is_word(U'-'));
  CHECK_FALSE(is_word(0xBD));
  CHECK(is_numeric(U'7'));
  CHECK(is_numeric(0xBD));
  CHECK(is_numeric(0x11DE0));
  CHECK_FALSE(is_numeric(U'a'));
}
