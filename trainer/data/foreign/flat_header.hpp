// SPDX-License-Identifier: Apache-2.0
// What stands before the tokens in files that hold one array of ids:
//   nanoGPT   nothing: uint16, raw
//   llm.c     256 x i32: magic, version, count, zeros; 20240520 with version 1: uint16; 20240801 with version 7: uint32
//   OLMo      an array of numpy: nothing (a raw memory map under the name .npy), or numpy's header: "\x93NUMPY" | u8 major | u8 minor |
//             u16 (major 1) or u32 length | a Python dictionary of that length: descr, fortran_order, shape
// The header's bytes are kept as they are, so that the file can be written again byte for byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "trainer/data/foreign/token_dtype.hpp"

namespace ergon {

inline constexpr std::int64_t llmc_header_bytes = 1024;
inline constexpr std::int64_t npy_header_limit = 64 << 10;  // bytes; what numpy writes for one dim is 128 long

struct FlatHeader {
  TokenDtype dtype = TokenDtype::u16;
  std::int64_t tokens = 0;
  std::string bytes;  // the header itself
};

bool is_llmc(std::span<const std::byte> head);
bool is_npy(std::span<const std::byte> head);

// `head`: the first bytes of the file, at least llmc_header_bytes of it or npy_header_limit, or all there is. Throws Error (ExitCode::data)
// that says what is wrong. The caller compares `tokens` with the size of the file.
FlatHeader parse_llmc_header(std::span<const std::byte> head, const std::string& where);
FlatHeader parse_npy_header(std::span<const std::byte> head, const std::string& where);

// What llm.c and numpy write. Throws Error (ExitCode::config) for a type (llm.c: neither uint16 nor uint32) or a count (llm.c: above 2^31 -
// 1) that the format cannot hold.
std::string llmc_header_bytes_of(TokenDtype dtype, std::int64_t tokens);
std::string npy_header_bytes_of(TokenDtype dtype, std::int64_t tokens);

}  // namespace ergon
