// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/json.hpp"

#include "tests/trainer/checkpoint/fixture.hpp"

using namespace ergon;

TEST_CASE("JSON from a disk: a key that stands twice, nonsense and a size beyond the limit are refused") {
  CHECK(parse_json(R"({"a":{"x":1},"b":{"x":2}})", "f").at("b").at("x") == 2);
  CHECK(error_of([] { parse_json(R"({"a":{"x":1,"y":2,"x":3}})", "f"); }) == "the key 'x' stands twice in one object @ f");
  CHECK(contains(error_of([] { parse_json("{\"a\":", "f"); }), "this JSON does not say what it should"));
  CHECK(contains(error_of([] { parse_json("{} {}", "f"); }), "this JSON does not say what it should"));
  CHECK(error_of([] { parse_json(std::string(100'000'001, ' '), "f"); }) ==
        "100000001 bytes of JSON are refused, the limit is 100000000 @ f");
  CHECK(error_of([] { check_json_size(std::int64_t{1} << 40, "f"); }) ==
        "1099511627776 bytes of JSON are refused, the limit is 100000000 @ f");
}

TEST_CASE("JSON that nests without end is refused before it takes memory") {
  const auto nested = [](std::size_t levels, char open) { return std::string(levels, open); };
  CHECK(parse_json(nested(60, '[') + nested(60, ']'), "f").is_array());
  CHECK(error_of([&] { parse_json(nested(99'000'000, '['), "f"); }) == "this JSON nests deeper than 64 levels @ f");
  std::string objects;
  for (int level = 0; level < 100; ++level) objects += "{\"a\":";
  CHECK(error_of([&] { parse_json(objects, "f"); }) == "this JSON nests deeper than 64 levels @ f");
}

TEST_CASE("a missing key and a wrong type become Corrupt") {
  const Json json = parse_json(R"({"a":"text"})", "f");
  CHECK_THROWS_AS(read_json("f", [&] { return json.at("b").get<int>(); }), Corrupt);
  CHECK_THROWS_AS(read_json("f", [&] { return json.at("a").get<int>(); }), Corrupt);
  CHECK(read_json("f", [&] { return json.at("a").get<std::string>(); }) == "text");
}
