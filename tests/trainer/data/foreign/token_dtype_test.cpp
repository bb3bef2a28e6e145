// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/foreign/token_dtype.hpp"

#include <functional>
#include <vector>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::string dtype_problem(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.problem();
  }
  return "none";
}

}  // namespace

TEST_CASE("ids go through every type and come back") {
  for (TokenDtype dtype : all_token_dtypes) {
    INFO(name(dtype));
    CHECK(token_dtype(name(dtype)) == dtype);
    const std::vector<std::int32_t> ids = {0, 1, 100, static_cast<std::int32_t>(largest(dtype))};
    std::vector<std::byte> bytes(ids.size() * static_cast<std::size_t>(size_of(dtype)));
    encode_tokens(dtype, ids, bytes);
    std::vector<std::int32_t> back(ids.size());
    decode_tokens(dtype, bytes, back, 0, "x");
    CHECK(back == ids);
    if (largest(dtype) < 1000)
      CHECK(dtype_problem([&] {
              encode_tokens(dtype, std::vector<std::int32_t>{1000}, std::span(bytes).first(static_cast<std::size_t>(size_of(dtype))));
            }) == std::string("id 1000 does not fit into ") + name(dtype));
  }
  CHECK(!token_dtype("float32"));
}

TEST_CASE("bytes are little-endian; what is no id is refused with its place") {
  const std::vector<std::byte> bytes = {std::byte{0x34}, std::byte{0x12}, std::byte{0xff}, std::byte{0xff}};
  std::vector<std::int32_t> ids(2);
  decode_tokens(TokenDtype::u16, bytes, ids, 0, "x");
  CHECK(ids == std::vector<std::int32_t>{0x1234, 0xffff});
  CHECK(dtype_problem([&] { decode_tokens(TokenDtype::i16, bytes, ids, 40, "x"); }) == "element 41 is -1, no token id");
  std::vector<std::int32_t> one(1);
  CHECK(dtype_problem([&] { decode_tokens(TokenDtype::u32, bytes, one, 0, "x"); }) == "element 0 is 4294906420, no token id");
}
