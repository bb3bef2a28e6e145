// SPDX-License-Identifier: Apache-2.0
// The .idx file of a Megatron-LM data set (core/datasets/indexed_dataset.py), little-endian and unaligned:
//   "MMIDIDX\0\0" | u64 version = 1 | u8 type | u64 n_seq | u64 n_doc | i32 length[n_seq] | i64 pointer[n_seq] | i64 document[n_doc]
//   [| i8 mode[n_seq]]
// Sequences lie one after another in the .bin file; pointer is the byte where each begins. Document d holds sequences [document[d],
// document[d + 1]): the table starts with 0 and ends with n_seq. Types: 1 u8, 2 i8, 3 i16, 4 i32, 5 i64, 8 u16 (6 and 7 are floats).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "trainer/data/foreign/token_dtype.hpp"

namespace ergon {

struct MegatronIndex {
  TokenDtype dtype = TokenDtype::u16;
  std::vector<std::int32_t> lengths;    // tokens of each sequence
  std::vector<std::int64_t> documents;  // of sequences; first 0, last lengths.size()
  std::vector<std::int8_t> modes;       // of sequences, or empty

  std::int64_t tokens() const;
  bool operator==(const MegatronIndex&) const = default;
};

// Throws Error (ExitCode::data) that says what is wrong, or that sequences do not lie one after another.
MegatronIndex parse_megatron_index(std::span<const std::byte> bytes, const std::string& where);
// The bytes that Megatron-LM writes. Throws Error (ExitCode::config) for a type that the format has no code for.
std::vector<std::byte> megatron_index_bytes(const MegatronIndex& index);

}  // namespace ergon
