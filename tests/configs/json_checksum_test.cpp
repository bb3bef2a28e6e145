// SPDX-License-Identifier: Apache-2.0
#include "configs/json_checksum.hpp"

#include <fmt/format.h>

#include "configs/error.hpp"
#include "configs/sha256.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::string with_checksum(std::string object) {
  add_checksum(object);
  return object;
}

}  // namespace

TEST_CASE("a checksum is the last key of its object, and of what stands before its comma") {
  const std::string sum = sha256_hex(R"({"a":1)").substr(0, 16);
  CHECK(with_checksum(R"({"a":1})") == R"({"a":1,"sha256":")" + sum + "\"}");
  const std::string lines = with_checksum("{\n  \"a\": 1\n}");
  CHECK(lines == fmt::format("{{\n  \"a\": 1,\n  \"sha256\": \"{}\"\n}}", sha256_hex("{\n  \"a\": 1").substr(0, 16)));
  for (const std::string& text : {with_checksum(R"({"a":1})"), lines}) {
    CHECK(checksum_of(text) == Checksum::holds);
    CHECK(checksum_of(text + "\n") == Checksum::holds);
    CHECK(checksum_of(text + "x") == Checksum::broken);
    CHECK(checksum_of(text.substr(0, text.size() - 1)) == Checksum::broken);
  }
  CHECK_THROWS_AS(with_checksum("{}"), Bug);
  CHECK_THROWS_AS(with_checksum("[1]"), Bug);
}

TEST_CASE("a flipped bit is found, or it hit the name of the checksum and nothing else") {
  const std::string text = with_checksum(R"({"step":3,"loss":2.5})");
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string damaged = text;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    CAPTURE(damaged);
    const std::size_t name = text.find(",\"sha256\":");
    CHECK(checksum_of(damaged) == (bit / 8 >= name && bit / 8 < name + 10 ? Checksum::absent : Checksum::broken));
  }
}

TEST_CASE("objects without one have none, also where an object inside names a digest") {
  CHECK(checksum_of("") == Checksum::absent);
  CHECK(checksum_of(R"({"a":1})") == Checksum::absent);
  CHECK(checksum_of(R"({"file":{"sha256":"00"}})") == Checksum::absent);
  CHECK(checksum_of(R"({"tokenizer_sha256":"00"})") == Checksum::absent);
}
