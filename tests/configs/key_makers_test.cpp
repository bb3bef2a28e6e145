// SPDX-License-Identifier: Apache-2.0
#include "configs/key_makers.hpp"

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::refusal;

TEST_CASE("a maker binds a field to reading and printing") {
  Key key = integer({"train.steps", "steps", OnResume::recorded, "help"}, field(&RunConfig::train, &TrainSection::steps), 1);
  CHECK(key.type == "integer");
  CHECK(key.range == ">= 1");
  CHECK(key.default_text == "1000");
  RunConfig config;
  key.set(config, Value{std::int64_t{12}, "12"});
  CHECK(config.train.steps == 12);
  CHECK(key.print(config) == "12");
  CHECK(integer_range(0, 5) == "from 0 to 5");
}

TEST_CASE("choices are refused with the list and the nearest word") {
  CHECK(read_choice(Value::text("swiglu"), choices<Mlp>()) == 1);
  CHECK(refusal([] { read_choice(Value::text("swglu"), choices<Mlp>()); }) ==
        "takes one of gelu|swiglu, not 'swglu'\n  hint: did you mean 'swiglu'?");
  CHECK(refusal([] { read_choice(Value{true, "true"}, choices<Mlp>()); }) == "takes one of gelu|swiglu, not true");
}

TEST_CASE("numbers keep their range") {
  CHECK(read_in_range(Value{0.5, "0.5"}, fraction) == 0.5);
  CHECK(refusal([] { read_in_range(Value{1.0, "1.0"}, fraction); }) == "takes a number in [0, 1), not 1.0");
  CHECK(refusal([] { read_in_range(Value{0.0, "0.0"}, positive); }) == "takes a number > 0, not 0.0");
  CHECK(refusal([] { read_in_range(Value{-0.5, "-0.5"}, not_negative); }) == "takes a number >= 0, not -0.5");
}

TEST_CASE("quantities take texts with units and bare numbers") {
  CHECK(read_bytes(Value::text("2 MiB")).value == 2 << 20);
  CHECK(read_bytes(Value{std::int64_t{4096}, "4096"}).value == 4096);
  CHECK(read_seconds(Value{1.5, "1.5"}, positive).value == 1.5);
  CHECK(to_decimal(read_flops(Value{1e21, "1e+21"})) == "1000000000000000000000");
  CHECK(refusal([] { read_bytes(Value::text("2 Mib")); }) ==
        "takes a size in bytes above 0: '2 Mib' has the unknown unit 'Mib'\n  hint: did you mean 'MiB'?");
  CHECK(refusal([] { read_bytes(Value{std::int64_t{0}, "0"}); }) == "takes a size in bytes above 0, not 0");
  CHECK(refusal([] { read_bytes(Value{true, "true"}); }) == "takes a size in bytes above 0, not true");
  CHECK(refusal([] { read_seconds(Value{std::int64_t{0}, "0"}, positive); }) == "takes a time > 0, not 0");
  CHECK(refusal([] { read_seconds(Value::text("1 week"), positive); }).find("takes a time > 0: '1 week' has the unknown unit 'week'") == 0);
  CHECK(refusal([] { read_flops(Value::text("ten")); }).find("takes a number of FLOPs: 'ten' is not a number of FLOPs") == 0);
}
