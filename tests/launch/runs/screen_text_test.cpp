// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/screen_text.hpp"

#include <clocale>

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

// A u with dots, a Chinese character of two cells, a combining accent.
const std::string dots = "\xc3\xbc", wide = "\xe6\xbc\xa2", accent = "e\xcc\x81";

struct Utf8 {
  Utf8() { REQUIRE(std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr); }
  ~Utf8() { std::setlocale(LC_CTYPE, "C"); }
};

}  // namespace

TEST_CASE("screen_text: what a terminal must not be given is left out") {
  CHECK(printable("plain text", Glyphs::ascii) == "plain text");
  CHECK(printable("a\tb\x07\x7f\n", Glyphs::ascii) == "a b");
  CHECK(printable("\033[31mred\033[0m \033[?25lx\033Mz", Glyphs::ascii) == "red xz");
  CHECK(printable("\033[", Glyphs::ascii).empty());
  CHECK(printable("\033", Glyphs::ascii).empty());
  CHECK(printable("step 1\r\033[Kstep 2\r", Glyphs::ascii) == "step 2");
  CHECK(printable("M" + dots + "ller " + wide, Glyphs::ascii) == "M?ller ?");
}

TEST_CASE("screen_text: characters are as wide as they are") {
  const Utf8 locale;
  const std::string text = "M" + dots + "ller " + wide + accent;
  CHECK(printable(text, Glyphs::utf8) == text);
  CHECK(printable("\xff half \xe6\xbc", Glyphs::utf8) == "? half ??");
  CHECK(cells(text) == 7 + 2 + 1);
  CHECK(clipped(text, 8) == "M" + dots + "ller ");  // half of the wide one does not fit
  CHECK(clipped(text, 9) == "M" + dots + "ller " + wide);
  CHECK(padded(wide, 3) == wide + " ");
  CHECK(clipped_front("run/" + wide + "name", 7) == "...name");
  CHECK(clipped_front("run/" + wide + "name", 8) == "...name");
  CHECK(clipped_front("run/" + wide + "name", 9) == "..." + wide + "name");
}

TEST_CASE("screen_text: cut at either end, or filled up") {
  CHECK(clipped("abc", 2) == "ab");
  CHECK(clipped("abc", 0).empty());
  CHECK(clipped("abc", 9) == "abc");
  CHECK(clipped_front("abc", 3) == "abc");
  CHECK(clipped_front("abcdef", 5) == "...ef");
  CHECK(clipped_front("abcdef", 2) == "..");
  CHECK(padded("abc", 5) == "abc  ");
  CHECK(padded("abc", 2) == "ab");
}

TEST_CASE("screen_text: glyphs are those of the locale") {
  setenv("LC_ALL", "C.UTF-8", 1);
  CHECK(glyphs_of_environment() == Glyphs::utf8);
  setenv("LC_ALL", "C", 1);
  CHECK(glyphs_of_environment() == Glyphs::ascii);
  unsetenv("LC_ALL");
}
