// SPDX-License-Identifier: Apache-2.0
// What an HDF5 file holds, as a value: where its datasets lie and the attributes of its root. It comes out of a helper process that opened
// the file for us (launch/hdf5_helper), as JSON of schema ergon.h5-layout.v1, and is believed no more than the file: every dataset is
// checked against the file's real size before anybody reads at its offset.
//
//   {"schema": "ergon.h5-layout.v1",
//    "datasets": [{"name": "/tokens/data", "type": "u16", "shape": [1000], "offset": 2048, "bytes": 2000}],
//    "attributes": [{"name": "n_tokens", "integer": "1000"}, {"name": "uuid", "text": "..."}, {"name": "x", "other": true}]}
//   or {"schema": "ergon.h5-layout.v1", "error": "why the file is refused"}, with "errno": 5 where the disk failed
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "configs/error.hpp"
#include "trainer/hdf5.hpp"

namespace ergon {

// The first bytes of a file of HDF5 (specification of its format 3.0, II.A).
inline constexpr std::array<char, 8> hdf5_signature = {'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};

// An attribute of `/` that is neither a string of fixed length nor one 64-bit integer has neither value.
struct Hdf5Attribute {
  std::optional<std::string> text;
  std::optional<std::int64_t> integer;
  bool operator==(const Hdf5Attribute&) const = default;
};

struct Hdf5Contents {
  std::map<std::string, Hdf5Extent> datasets;  // by absolute name
  std::map<std::string, Hdf5Attribute> attributes;
  bool operator==(const Hdf5Contents&) const = default;

  // Each throws Error (ExitCode::data), naming `path`, when it is missing or of another kind.
  const Hdf5Extent& dataset(const std::string& name, Hdf5Type type, int rank, const std::string& path) const;
  const std::string& text(const std::string& attribute, const std::string& path) const;
  std::int64_t integer(const std::string& attribute, const std::string& path) const;
};

// Opens the file behind the descriptor elsewhere and tells what is in it: the datasets of these names, or, without names, every one there
// is. A name that begins with `?` may be missing in the file. Throws Error (ExitCode::data), naming `path`, for a file that is refused, and
// CallError where the disk failed.
using InspectHdf5 = std::function<Hdf5Contents(int descriptor, const std::string& path, const std::vector<std::string>& names)>;

std::string to_text(const Hdf5Contents& contents);
// In place of contents: why there are none.
std::string refusal_text(const Error& error);
// Throws Error (ExitCode::data) naming `path`: what the text says under "error", a CallError where the disk failed, or that it is no such
// text.
Hdf5Contents parse_hdf5_contents(const std::string& text, const std::string& path);
// Throws Error (ExitCode::data) unless every dataset is as long as its type and shape say and lies inside a file of `file_bytes`.
void check_inside(const Hdf5Contents& contents, std::int64_t file_bytes, const std::string& path);

// Error (ExitCode::data) of a file that is not what Ergon writes.
[[noreturn]] void refuse_hdf5(const std::string& what, const std::string& path);

}  // namespace ergon
