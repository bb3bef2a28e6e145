// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/token_table.hpp"

#include <set>
#include <string>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("token_table: every token is found again, and nothing else") {
  TokenTable table;
  for (int i = 0; i < 20'000; ++i) REQUIRE(table.add(std::string(static_cast<std::size_t>(i % 19), 'x') + std::to_string(i), 2 * i));

  CHECK(table.count() == 20'000);
  CHECK(table.end() == 39'999);
  for (int i = 0; i < 20'000; ++i) {
    const std::string token = std::string(static_cast<std::size_t>(i % 19), 'x') + std::to_string(i);
    REQUIRE(table.find(token) == 2 * i);
    REQUIRE(table.bytes(2 * i) == token);
  }
  CHECK(table.find("20000") == TokenTable::none);
  CHECK(table.find("") == TokenTable::none);
  CHECK_FALSE(table.has(1));
  CHECK(table.bytes(1).empty());
  CHECK_FALSE(table.has(-1));
  CHECK_FALSE(table.has(40'000));
}

TEST_CASE("token_table: bytes and ids are taken once, and ids have a limit") {
  TokenTable table;
  CHECK(table.find("a") == TokenTable::none);
  CHECK(table.add("a", 3));
  CHECK_FALSE(table.add("a", 4));
  CHECK_FALSE(table.add("b", 3));
  CHECK_FALSE(table.add("b", -1));
  CHECK_FALSE(table.add("b", TokenTable::most_ids));
  CHECK(table.add("", 0));
  CHECK(table.find("") == 0);
  CHECK(table.count() == 2);
}

TEST_CASE("token_table: a hash depends on every byte and on the length") {
  std::set<std::uint64_t> hashes;
  const std::string text = "twenty-five bytes of text";
  for (std::size_t size = 0; size <= text.size(); ++size) hashes.insert(hash_of(std::string_view(text).substr(0, size)));
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string other = text;
    other[at] ^= 1;
    hashes.insert(hash_of(other));
  }
  hashes.insert(hash_of(std::string(1, '\0')));
  CHECK(hashes.size() == 2 * text.size() + 2);
}
