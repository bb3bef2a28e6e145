// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/code_points.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("code_points: every code point is written and read back") {
  std::string text;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    text.clear();
    append_utf8(c, text);
    const CodePoint read = code_point_at(text, 0);
    if (read.value != c || read.bytes != text.size() || last_code_point("x" + text) != c) FAIL("U+" << static_cast<unsigned>(c));
  }
  append_utf8(U'a', text);
  CHECK(last_code_point(text) == U'a');
}
