// SPDX-License-Identifier: Apache-2.0
#include "configs/shallow_json.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

using namespace ergon;
using nlohmann::json, nlohmann::ordered_json;

namespace {

std::string nested(int levels) {
  return std::string(static_cast<std::size_t>(levels), '[') + std::string(static_cast<std::size_t>(levels), ']');
}

}  // namespace

TEST_CASE("JSON of 64 levels is read, and deeper JSON is not") {
  CHECK(parse_shallow<json>(nested(64)).dump() == nested(64));
  CHECK(parse_shallow<ordered_json>(R"({"b": [1], "a": "[[{"})").dump() == R"({"b":[1],"a":"[[{"})");
  CHECK_THROWS_WITH(parse_shallow<json>(nested(66)), "it nests too deep");
  CHECK_THROWS_AS(parse_shallow<ordered_json>(nested(66)), json::exception);
  CHECK_THROWS_AS(parse_shallow<json>("[1"), json::parse_error);
  CHECK(parse_shallow<json>(nested(66), 66).dump() == nested(66));
  CHECK_THROWS_AS(parse_shallow<json>(nested(68), 66), json::exception);
}

TEST_CASE("brackets that do not nest, or stand in a text, are no depth") {
  std::string wide = "[", quoted(1000, '[');
  for (int i = 0; i < 999; ++i) wide += "{},";
  CHECK(parse_shallow<json>(wide + "[]]").size() == 1000);
  CHECK(parse_shallow<json>('"' + quoted + '"').get<std::string>() == quoted);
}

TEST_CASE("what cannot be read is discarded where nobody wants to know why") {
  CHECK(try_parse_shallow<json>("[7]") == json({7}));
  CHECK(try_parse_shallow<json>("[7").is_discarded());
  CHECK(try_parse_shallow<json>(std::string(1 << 20, '[')).is_discarded());
  CHECK(try_parse_shallow<ordered_json>(nested(100'000)).is_discarded());
  CHECK(try_parse_shallow<json>(nested(66), 66).is_array());
}
