// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/charsmap.hpp"

#include <cstring>
#include <vector>

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

constexpr std::uint32_t a = 'a', leaf = 1U << 8, no_label = 1U << 31;

// A trie that the tests fill; the texts are "x" and "".
struct Table {
  Table() : units(512, no_label) { units[0] = to(256); }
  static std::uint32_t to(std::uint32_t offset) { return offset << 10; }
  // From `base` the byte a leads to node `next`.
  void link(std::uint32_t base, std::uint32_t next, std::uint32_t more = 0) { units[base ^ a] = to((base ^ a) ^ next) | a | more; }
  std::string text() const {
    const auto size = static_cast<std::uint32_t>(units.size() * sizeof units[0]);
    std::string table(sizeof size + size, '\0');
    std::memcpy(table.data(), &size, sizeof size);
    std::memcpy(table.data() + sizeof size, units.data(), size);
    return table + std::string("x\0\0", 3);
  }
  std::vector<std::uint32_t> units;
};

std::string refusal(const std::string& table) {
  return problem_of([&] { check_charsmap(table); });
}

}  // namespace

TEST_CASE("charsmap: a trie whose ways all end in it is good") {
  check_charsmap("");
  Table table;
  check_charsmap(table.text());
  table.link(256, 257, leaf);
  table.units[257] = no_label | 2;
  check_charsmap(table.text());
  table.link(257, 258);  // "aa" begins an entry, and is none
  check_charsmap(table.text());
}

TEST_CASE("charsmap: what the library would follow out of the table is refused") {
  const std::string good = Table().text();
  for (const std::size_t size : {std::size_t{1}, std::size_t{4}, good.size() - 3})
    CHECK(contains(refusal(good.substr(0, size)), "ends too early"));
  CHECK(contains(refusal(std::string("\x04\0\0\0unit\0", 9)), "ends too early"));
  CHECK(contains(refusal(good + "y"), "has a text without an end"));

  Table root;
  root.units[0] = Table::to(512);
  CHECK(contains(refusal(root.text()), "leads out of itself"));
  Table out;
  out.link(256, 1024);
  CHECK(contains(refusal(out.text()), "leads out of itself"));
  Table circle;
  circle.link(256, 257);
  circle.link(257, 256);
  CHECK(contains(refusal(circle.text()), "leads in a circle"));
  Table far_text;
  far_text.link(256, 257, leaf);
  far_text.units[257] = no_label | 3;
  CHECK(contains(refusal(far_text.text()), "names a text that it does not have"));
}

TEST_CASE("charsmap: 32 entries may begin one text, 33 not") {
  Table table;
  for (std::uint32_t node = 256; node < 256 + 32; ++node) {
    table.link(node, node + 1, leaf);
    table.units[node + 1] = no_label;
  }
  check_charsmap(table.text());
  table.link(256 + 32, 256 + 33, leaf);
  CHECK(contains(refusal(table.text()), "more than 32 entries"));
}
