// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/formats/safetensors.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::string header_refusal(const std::string& header, std::int64_t data_bytes) {
  try {
    parse_safetensors_header(header, data_bytes, "x.safetensors");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    CHECK(error.where() == "x.safetensors");
    return error.problem();
  }
  return "no error";
}

std::string entry(const std::string& members) { return "{\"w\":{" + members + "}}"; }

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

const std::string good = R"("dtype":"F32","shape":[2,3],"data_offsets":[0,24])";

}  // namespace

TEST_CASE("a header is read, whatever the order of its keys, sorted by offset") {
  const auto entries =
      parse_safetensors_header(R"({"b":{"shape":[3],"data_offsets":[24,30],"dtype":"BF16"},"__metadata__":{"format":"pt","by":"x"},"w":{)" +
                                   good + R"(}, "s":{"dtype":"F64","shape":[],"data_offsets":[30,38]}}   )",
                               38, "x");
  REQUIRE(entries.size() == 3);
  CHECK(entries[0] == SafetensorsEntry{"w", "F32", {2, 3}, 0, 24});
  CHECK(entries[1] == SafetensorsEntry{"b", "BF16", {3}, 24, 30});
  CHECK(entries[2] == SafetensorsEntry{"s", "F64", {}, 30, 38});
  CHECK(parse_safetensors_header("{}", 0, "x").empty());
}

TEST_CASE("what is written is read back, and the data begin at a multiple of 8") {
  std::vector<SafetensorsEntry> entries = {{"a.weight", "F32", {5}, 0, 0}, {"none", "F16", {0, 4}, 0, 0}, {"b\"\\", "BF16", {1, 1}, 0, 0}};
  const std::string start = safetensors_start(entries);
  CHECK(start.size() % 8 == 0);
  CHECK(entries[0].end == 20);
  CHECK(entries[2].begin == 20);
  const std::int64_t length = safetensors_header_bytes(bytes(start), static_cast<std::int64_t>(start.size()) + 22, "x");
  CHECK(length == static_cast<std::int64_t>(start.size()) - 8);
  CHECK(parse_safetensors_header(start.substr(8), 22, "x") == entries);
}

TEST_CASE("lengths that are too large, or reach past the end of the file") {
  const auto refused = [](std::string prefix, std::int64_t file_bytes) {
    prefix.resize(8, '\0');
    try {
      safetensors_header_bytes(bytes(prefix), file_bytes, "x");
    } catch (const Error& error) {
      return error.problem();
    }
    return std::string("no error");
  };
  CHECK(refused("", 7) == "the file is too short to be safetensors");
  CHECK(refused(std::string("\x01\xe1\xf5\x05", 4), INT64_MAX) == "a header of 100000001 bytes is refused, the limit is 100000000");
  CHECK(refused(std::string(8, '\xff'), INT64_MAX) == "a header of 18446744073709551615 bytes is refused, the limit is 100000000");
  CHECK(refused("\x02", 9) == "the header ends behind the end of the file");
  CHECK(refused("\x02", 10) == "no error");
}

TEST_CASE("headers that are no table of tensors") {
  for (const char* header : {"", "{}{}", "{\"w\"", "\xff"})
    CHECK(header_refusal(header, 0).find("the header is no JSON from its byte ") == 0);
  for (const char* header : {"[]", "1", "null", "true", "\"x\""}) CHECK(header_refusal(header, 0) == "the header is no table of tensors");
  CHECK(header_refusal(std::string(1'000'000, '['), 0) == "the header is no table of tensors");
  for (const char* value : {"1", "[]", "null", "\"x\"", "-1", "1.5"})
    CHECK(header_refusal(std::string("{\"w\":") + value + "}", 0) == "the header does not describe tensor 'w'");
  CHECK(header_refusal(R"({"__metadata__":{"a":{}}})", 0) == "the header does not describe tensor '__metadata__'");
  CHECK(header_refusal(R"({"w\u0000x":1})", 0) == "the header does not describe tensor 'w\\x00x'");
}

TEST_CASE("entries that lack something, or have something twice or more") {
  CHECK(header_refusal(entry(R"("dtype":"F32","shape":[1])"), 4) == "tensor 'w' lacks dtype, shape or data_offsets");
  CHECK(header_refusal(entry(good + R"(,"shape":[1])"), 24) == "tensor 'w' has 'shape' twice");
  CHECK(header_refusal(entry(good + R"(,"device":"cpu")"), 24) == "tensor 'w' has the key 'device'");
  CHECK(header_refusal("{\"w\":{" + good + "},\"w\":{" + good + "}}", 24) == "tensor 'w' stands there twice");
  for (const char* members :
       {R"("dtype":3)", R"("dtype":["F32"])", R"("shape":"3")", R"("shape":[-1])", R"("shape":[1.5])", R"("shape":[[1]])",
        R"("shape":[9223372036854775808])", R"("data_offsets":[0])", R"("data_offsets":[0,1,2])", R"("shape":{})"})
    CHECK(header_refusal(entry(members), 0) == "the header does not describe tensor 'w'");
  CHECK(header_refusal(entry(R"("shape":[1,1,1,1,1,1,1,1,1])"), 0) == "tensor 'w' has more than 8 dims");
}

TEST_CASE("shapes, types and offsets that do not belong together") {
  CHECK(header_refusal(entry(R"("dtype":"F31","shape":[1],"data_offsets":[0,4])"), 4) == "tensor 'w' has the unknown dtype 'F31'");
  CHECK(header_refusal(entry(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4])"), 4) ==
        "tensor 'w' has an impossible shape");
  CHECK(header_refusal(entry(R"("dtype":"F32","shape":[2,3],"data_offsets":[0,25])"), 25) ==
        "tensor 'w' has 24 bytes by its shape and another number by its offsets");
  CHECK(header_refusal(entry(R"("dtype":"F32","shape":[0],"data_offsets":[5,4])"), 5) ==
        "tensor 'w' has 0 bytes by its shape and another number by its offsets");
  const auto two = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + first + R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second +
           "}}";
  };
  CHECK(header_refusal(two("[0,4]", "[4,8]"), 8) == "no error");
  CHECK(header_refusal(two("[0,4]", "[5,9]"), 9) == "tensor 'b' begins at byte 5, where 4 is due: a hole or an overlap");
  CHECK(header_refusal(two("[0,4]", "[3,7]"), 7) == "tensor 'b' begins at byte 3, where 4 is due: a hole or an overlap");
  CHECK(header_refusal(two("[0,4]", "[0,4]"), 4) == "tensor 'b' begins at byte 0, where 4 is due: a hole or an overlap");
  CHECK(header_refusal(two("[1,5]", "[5,9]"), 9) == "tensor 'a' begins at byte 1, where 0 is due: a hole or an overlap");
  CHECK(header_refusal(two("[0,4]", "[4,8]"), 9) == "the tensors have 8 bytes, the file has 9 for them");
  CHECK(header_refusal(two("[0,4]", "[4,8]"), 7) == "the tensors have 8 bytes, the file has 7 for them");
}

TEST_CASE("names of types, both ways") {
  CHECK(safetensors_dtype(at::kBFloat16) == "BF16");
  CHECK(safetensors_dtype(at::kDouble) == "F64");
  CHECK_THROWS_AS(safetensors_dtype(at::kBool), Bug);
  CHECK(scalar_type_of("F16") == at::kHalf);
  CHECK_FALSE(scalar_type_of("BOOL"));
  CHECK_FALSE(scalar_type_of("X"));
}
