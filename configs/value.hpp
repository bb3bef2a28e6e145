// SPDX-License-Identifier: Apache-2.0
// A value of a run file, free of the TOML library, with the characters it was written in.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace ergon {

struct Value {
  using List = std::vector<Value>;
  std::variant<bool, std::int64_t, double, std::string, List> data;
  std::string written;  // as it stood in the file or on the command line; a string without its quotes
};

// "a number", "a list": for messages.
const char* kind(const Value& value);

}  // namespace ergon
