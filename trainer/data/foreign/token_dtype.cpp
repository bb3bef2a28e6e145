// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/foreign/token_dtype.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr std::int64_t largest_id = (std::int64_t{1} << 31) - 2;  // the vocabulary, one more, is an int32 too

// Calls f with a value of the type.
template <typename F>
auto of_type(TokenDtype dtype, const F& f) {
  switch (dtype) {
    case TokenDtype::u8:
      return f(std::uint8_t{});
    case TokenDtype::i8:
      return f(std::int8_t{});
    case TokenDtype::u16:
      return f(std::uint16_t{});
    case TokenDtype::i16:
      return f(std::int16_t{});
    case TokenDtype::u32:
      return f(std::uint32_t{});
    case TokenDtype::i32:
      return f(std::int32_t{});
    case TokenDtype::u64:
      return f(std::uint64_t{});
    case TokenDtype::i64:
      break;
  }
  return f(std::int64_t{});
}

}  // namespace

const char* name(TokenDtype dtype) {
  constexpr const char* names[] = {"uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"};
  return names[static_cast<std::size_t>(dtype)];
}

std::int64_t size_of(TokenDtype dtype) {
  return of_type(dtype, [](auto zero) { return static_cast<std::int64_t>(sizeof zero); });
}

std::int64_t largest(TokenDtype dtype) {
  return of_type(dtype, [](auto zero) {
    return static_cast<std::int64_t>(std::min<std::uint64_t>(std::numeric_limits<decltype(zero)>::max(), largest_id));
  });
}

std::optional<TokenDtype> token_dtype(std::string_view text) {
  for (TokenDtype dtype : all_token_dtypes)
    if (text == name(dtype)) return dtype;
  return std::nullopt;
}

void decode_tokens(TokenDtype dtype, std::span<const std::byte> bytes, std::span<std::int32_t> ids, std::int64_t first,
                   const std::string& where) {
  ERGON_CHECK(std::ssize(bytes) == std::ssize(ids) * size_of(dtype), "{} bytes for {} ids of {}", bytes.size(), ids.size(), name(dtype));
  of_type(dtype, [&](auto value) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
      if (std::cmp_less(value, 0) || std::cmp_greater(value, largest_id))
        throw Error(fmt::format("element {} is {}, no token id", first + static_cast<std::int64_t>(i), +value), where,
                    "name the type that the file was written with (--dtype)", ExitCode::data);
      ids[i] = static_cast<std::int32_t>(value);
    }
  });
}

void encode_tokens(TokenDtype dtype, std::span<const std::int32_t> ids, std::span<std::byte> bytes) {
  ERGON_CHECK(std::ssize(bytes) == std::ssize(ids) * size_of(dtype), "{} bytes for {} ids of {}", bytes.size(), ids.size(), name(dtype));
  const std::int64_t most = largest(dtype);
  of_type(dtype, [&](auto value) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] > most) throw Error(fmt::format("id {} does not fit into {}", ids[i], name(dtype)), "--dtype", "name a wider type");
      value = static_cast<decltype(value)>(ids[i]);
      std::memcpy(bytes.data() + i * sizeof value, &value, sizeof value);
    }
  });
}

}  // namespace ergon
