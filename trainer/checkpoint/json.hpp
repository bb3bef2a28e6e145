// SPDX-License-Identifier: Apache-2.0
// JSON that came from a disk: at most 100 MB, nested at most 64 deep, no key twice in one object, and every mistake in it an Error that
// names the file.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "trainer/checkpoint/corrupt.hpp"

namespace ergon {

using Json = nlohmann::ordered_json;

// Before a file is read as a whole.
void check_json_size(std::int64_t bytes, const std::string& where);
Json parse_json(const std::string& text, const std::string& where);

// Runs `read`, which takes a value apart; a missing key, a wrong type or a wrong value becomes Corrupt at `where`.
template <typename Read>
auto read_json(const std::string& where, Read read) {
  try {
    return read();
  } catch (const nlohmann::json::exception& error) {
    throw Corrupt(fmt::format("this JSON does not say what it should: {}", error.what()), where);
  }
}

}  // namespace ergon
