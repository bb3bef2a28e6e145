// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/byte_alphabet.hpp"

#include <array>

#include "trainer/data/tokenizers/code_points.hpp"

namespace ergon {
namespace {

constexpr bool stands_for_itself(int byte) { return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD); }

struct Alphabet {
  std::array<char32_t, 256> characters{};
  std::array<int, 0x144> bytes{};  // -1: none
};

const Alphabet& alphabet() {
  static const Alphabet made = [] {
    Alphabet a;
    a.bytes.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const char32_t c = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
      a.characters[static_cast<std::size_t>(byte)] = c;
      a.bytes[c] = byte;
    }
    return a;
  }();
  return made;
}

}  // namespace

char32_t character_of_byte(unsigned char byte) { return alphabet().characters[byte]; }

std::optional<std::string> bytes_of_characters(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    if (c.value >= alphabet().bytes.size() || alphabet().bytes[c.value] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(alphabet().bytes[c.value]));
    at += c.bytes;
  }
  return bytes;
}

}  // namespace ergon
