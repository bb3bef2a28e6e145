// SPDX-License-Identifier: Apache-2.0
// The only door to the TOML library: a text becomes a flat list of dotted keys in the order of the file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "configs/value.hpp"

namespace ergon {

struct TomlEntry {
  std::string key;  // "train.steps"; "a.b.c" for tables in tables
  Value value;
  std::string where;  // "run.toml:3:5"
};

struct TomlSection {
  std::string name, where;
};

struct TomlDocument {
  std::vector<TomlEntry> entries;
  std::vector<TomlSection> sections;  // tables, empty ones too
};

// Throws Error with source:line:column of the first mistake in a text that is not TOML: the library stops there.
TomlDocument read_toml(const std::string& text, const std::string& source);

// One value as it may stand after `key =`; nothing when the text is not one.
std::optional<Value> read_toml_value(const std::string& text);

// The part before the first dot: "train" of "train.steps"; the whole of a key without one.
std::string section_of(const std::string& key);

// As TOML, between quotes with what needs escaping escaped; a number that reads back to the same bits.
std::string toml_text(const std::string& text);
std::string toml_number(double number);

}  // namespace ergon
