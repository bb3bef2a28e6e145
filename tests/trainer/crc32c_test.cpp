// SPDX-License-Identifier: Apache-2.0
#include "trainer/crc32c.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

// One bit at a time, from the definition.
std::uint32_t reference(std::string_view text) {
  std::uint32_t state = 0xffffffffu;
  for (const char c : text) {
    state ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1u) ? 0x82f63b78u : 0u);
  }
  return ~state;
}

std::string noise(std::size_t length) {
  std::string text(length, '\0');
  std::uint32_t x = 1;
  for (char& c : text) c = static_cast<char>((x = x * 1664525u + 1013904223u) >> 24);
  return text;
}

}  // namespace

TEST_CASE("published check value of CRC32C") {
  CHECK(crc32c("123456789") == 0xe3069283u);
  CHECK(crc32c("") == 0u);
  CHECK(crc32c_text(0x0012abcdu) == "0012abcd");
}

TEST_CASE("crc32c equals the definition at every length and alignment") {
  const std::string text = noise(300);
  for (std::size_t begin = 0; begin < 9; ++begin) {
    for (std::size_t length = 0; begin + length <= text.size(); length += 7) {
      CHECK(crc32c(std::string_view(text).substr(begin, length)) == reference(std::string_view(text).substr(begin, length)));
    }
  }
}

TEST_CASE("two checksums combine to that of the whole") {
  const std::string text = noise(5000);
  const std::string_view view = text;
  for (const std::size_t cut : {0ul, 1ul, 2ul, 63ul, 1000ul, 4097ul, 5000ul}) {
    const auto a = crc32c(view.substr(0, cut)), b = crc32c(view.substr(cut));
    CHECK(crc32c_combine(a, b, static_cast<std::int64_t>(5000 - cut)) == crc32c(view));
    CHECK(crc32c(view.substr(cut), a) == crc32c(view));
  }
}

TEST_CASE("a checksum is eight digits in text, and nothing else is one") {
  for (const std::uint32_t crc : {0u, 7u, 0x1234abcdu, 0xffffffffu}) CHECK(crc32c_from_text(crc32c_text(crc)) == crc);
  for (const char* text : {"", "1234567", "123456789", "1234ABCD", "-1234567", " 1234567", "1234567g"}) CHECK_FALSE(crc32c_from_text(text));
}
