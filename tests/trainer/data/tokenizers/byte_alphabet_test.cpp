// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/byte_alphabet.hpp"

#include <set>

#include "trainer/data/tokenizers/code_points.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("byte_alphabet: a character for each byte, and back") {
  std::set<char32_t> characters;
  std::string text, bytes;
  for (int byte = 0; byte < 256; ++byte) {
    characters.insert(character_of_byte(static_cast<unsigned char>(byte)));
    append_utf8(character_of_byte(static_cast<unsigned char>(byte)), text);
    bytes.push_back(static_cast<char>(byte));
  }
  CHECK(characters.size() == 256);
  CHECK(bytes_of_characters(text) == bytes);
  CHECK(character_of_byte(' ') == 0x120);
  CHECK(character_of_byte('\n') == 0x10A);
  CHECK(character_of_byte('a') == U'a');
  CHECK(character_of_byte(0xAD) == 0x143);
  CHECK_FALSE(bytes_of_characters("a b"));
  CHECK_FALSE(bytes_of_characters("\xE2\x96\x81"));
}
