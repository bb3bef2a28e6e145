// SPDX-License-Identifier: Apache-2.0
// The safetensors format as values: 8 bytes with the length of a JSON header, the header, the bytes of the tensors. Files come from
// anywhere, so the header is taken apart as it is read: memory stays within a few times its length, which is at most 100 MB.
//
//   {"__metadata__": {"format": "pt"}, "w": {"dtype": "F32", "shape": [4, 6], "data_offsets": [0, 96]}}
//
// Offsets count from the end of the header; together the tensors cover all bytes behind it exactly once.
#pragma once

#include <c10/core/ScalarType.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "parallel/plan/shard_box.hpp"

namespace ergon {

inline constexpr std::int64_t safetensors_prefix = 8;  // bytes before the header

struct SafetensorsEntry {
  std::string name, dtype;  // "F32"
  Extents shape;
  std::int64_t begin = 0, end = 0;  // bytes
  bool operator==(const SafetensorsEntry&) const = default;
};

// The length of the header of a file of `file_bytes`, from its first 8 bytes. Throws Error (ExitCode::data) for one above 100 MB or past
// the end of the file.
std::int64_t safetensors_header_bytes(std::span<const std::byte> prefix, std::int64_t file_bytes, const std::string& where);

// In the order of their offsets. Throws Error (ExitCode::data) for whatever is not as above: a name or a key twice, another key, an unknown
// dtype, a shape that does not give the number of bytes, a hole, an overlap, tensors past `data_bytes`.
std::vector<SafetensorsEntry> parse_safetensors_header(std::string_view header, std::int64_t data_bytes, const std::string& where);

// Prefix and header, padded with blanks to a multiple of 8, for tensors that lie one after another in this order; sets their offsets.
std::string safetensors_start(std::vector<SafetensorsEntry>& entries);

// "F32" of float32. Throws Bug for a dtype that checkpoints do not hold.
std::string safetensors_dtype(at::ScalarType dtype);
// Nothing for a type that checkpoints do not hold.
std::optional<at::ScalarType> scalar_type_of(const std::string& safetensors_dtype);

}  // namespace ergon
