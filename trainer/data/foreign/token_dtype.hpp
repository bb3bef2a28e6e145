// SPDX-License-Identifier: Apache-2.0
// The integer types in which other systems store token ids, little-endian, and the way from them to the ids of a token store and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ergon {

enum class TokenDtype : std::uint8_t { u8, i8, u16, i16, u32, i32, u64, i64 };
inline constexpr TokenDtype all_token_dtypes[] = {TokenDtype::u8,  TokenDtype::i8,  TokenDtype::u16, TokenDtype::i16,
                                                  TokenDtype::u32, TokenDtype::i32, TokenDtype::u64, TokenDtype::i64};

const char* name(TokenDtype dtype);  // "uint16": as numpy calls it
std::int64_t size_of(TokenDtype dtype);
std::int64_t largest(TokenDtype dtype);  // at most the largest id that a token store can hold, 2^31 - 2
std::optional<TokenDtype> token_dtype(std::string_view name);

// ids.size() ids from as many elements. Throws Error (ExitCode::data) for one that is negative or above 2^31 - 2; `first` is the number of
// the first element in `where`, for the message.
void decode_tokens(TokenDtype dtype, std::span<const std::byte> bytes, std::span<std::int32_t> ids, std::int64_t first,
                   const std::string& where);
// The opposite. Throws Error (ExitCode::config) for an id that the type cannot hold.
void encode_tokens(TokenDtype dtype, std::span<const std::int32_t> ids, std::span<std::byte> bytes);

}  // namespace ergon
