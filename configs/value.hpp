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
  struct Entry;
  using Table = std::vector<Entry>;  // of a list: {path = "a.h5", weight = 0.7}
  struct Other {};                   // a date: no key takes one
  std::variant<bool, std::int64_t, double, std::string, List, Table, Other> data;
  std::string written;  // as a message shows it: 12, 'text', [0.9, 0.95]

  static Value text(const std::string& value) { return {value, "'" + value + "'"}; }
};

struct Value::Entry {
  std::string key;
  Value value;
};

// Conversions to what a key takes. On a mismatch they throw Error whose problem reads on from the key's name: "takes true or false, not
// 'maybe'".
bool read_boolean(const Value& value);
// A whole number in [low, high]; 1e3 counts as whole. `range` is how the message calls the bounds: ">= 1".
std::int64_t read_integer(const Value& value, std::int64_t low, std::int64_t high, const std::string& range);
// Finite. The caller checks its range.
double read_number(const Value& value, const std::string& range);
std::string read_text(const Value& value);
// One text counts as a list of one.
std::vector<std::string> read_texts(const Value& value);

// The value under each of `keys` of a table that has exactly these; `expected` is how the message calls such a table.
std::vector<const Value*> read_table(const Value& value, const std::vector<std::string>& keys, const std::string& expected);

// "takes EXPECTED, not VALUE".
[[noreturn]] void refuse_value(const Value& value, const std::string& expected, const std::string& hint = "");

}  // namespace ergon
