// SPDX-License-Identifier: Apache-2.0
// Rows of the key table by type: each maker binds a field of RunConfig to its reader and its printer. Only configs/keys_*.cpp include it.
#pragma once

#include <span>

#include "configs/key_table.hpp"
#include "configs/names.hpp"
#include "configs/units.hpp"

namespace ergon {

// A field of RunConfig: its section and its place there.
template <typename Section, typename T>
struct Field {
  Section RunConfig::*section;
  T Section::*member;
  T& operator()(RunConfig& config) const { return config.*section.*member; }
  const T& operator()(const RunConfig& config) const { return config.*section.*member; }
};

template <typename Section, typename T>
Field<Section, T> field(Section RunConfig::*section, T Section::*member) {
  return {section, member};
}

// What every row says, whatever its type.
struct Row {
  std::string name, unit;
  OnResume on_resume;
  std::string help;
};

// The largest count that a double holds exactly; bounds that nobody should meet.
inline constexpr std::int64_t any_count = std::int64_t{1} << 53;

struct NumberRange {
  const char* text;
  bool (*holds)(double);
};
inline constexpr NumberRange positive = {"> 0", [](double x) { return x > 0; }};
inline constexpr NumberRange not_negative = {">= 0", [](double x) { return x >= 0; }};
inline constexpr NumberRange proper_fraction = {"in (0, 1)", [](double x) { return x > 0 && x < 1; }};
inline constexpr NumberRange fraction = {"in [0, 1)", [](double x) { return x >= 0 && x < 1; }};

// Fills type, range, and the default from a default RunConfig.
Key make_key(const Row& row, const std::string& type, const std::string& range, std::function<void(RunConfig&, const Value&)> set,
             std::function<std::string(const RunConfig&)> print);

std::string integer_range(std::int64_t low, std::int64_t high);
// Position of the word among choices; refuses with the list and a did-you-mean.
std::size_t read_choice(const Value& value, std::span<const char* const> words);
std::string joined(std::span<const char* const> words);
double read_in_range(const Value& value, NumberRange range);
Bytes read_bytes(const Value& value);
Seconds read_seconds(const Value& value, NumberRange range);
Flops read_flops(const Value& value);
// Texts that name files. A control character is refused: NUL would end the name early, a newline tears the lines in which it is printed.
std::string read_path(const Value& value);
std::vector<std::string> read_paths(const Value& value);

std::string print_texts(const std::vector<std::string>& texts);
std::string print_list(const std::vector<std::string>& texts);

template <typename S>
Key integer(const Row& row, Field<S, std::int64_t> at, std::int64_t low, std::int64_t high = any_count) {
  std::string range = integer_range(low, high);
  return make_key(
      row, "integer", range, [=](RunConfig& c, const Value& v) { at(c) = read_integer(v, low, high, range); },
      [=](const RunConfig& c) { return std::to_string(at(c)); });
}

std::string print_number(double number);

template <typename S>
Key number(const Row& row, Field<S, double> at, NumberRange range) {
  return make_key(
      row, "number", range.text, [=](RunConfig& c, const Value& v) { at(c) = read_in_range(v, range); },
      [=](const RunConfig& c) { return print_number(at(c)); });
}

template <typename S>
Key boolean(const Row& row, Field<S, bool> at) {
  return make_key(
      row, "boolean", "true|false", [=](RunConfig& c, const Value& v) { at(c) = read_boolean(v); },
      [=](const RunConfig& c) { return std::string(at(c) ? "true" : "false"); });
}

template <typename S>
Key text(const Row& row, Field<S, std::string> at) {
  return make_key(
      row, "text", "", [=](RunConfig& c, const Value& v) { at(c) = read_text(v); },
      [=](const RunConfig& c) { return print_texts({at(c)}); });
}

template <typename S>
Key paths(const Row& row, Field<S, std::vector<std::string>> at) {
  return make_key(
      row, "list of texts", "", [=](RunConfig& c, const Value& v) { at(c) = read_paths(v); },
      [=](const RunConfig& c) { return at(c).size() == 1 ? print_texts(at(c)) : print_list(at(c)); });
}

template <typename S, typename Enum>
Key choice(const Row& row, Field<S, Enum> at) {
  return make_key(
      row, "choice", joined(choices<Enum>()),
      [=](RunConfig& c, const Value& v) { at(c) = static_cast<Enum>(read_choice(v, choices<Enum>())); },
      [=](const RunConfig& c) { return print_texts({choice_name(at(c))}); });
}

// A time; 0 is allowed where it means "no limit".
template <typename S>
Key seconds(const Row& row, Field<S, Seconds> at, NumberRange range = positive) {
  return make_key(
      row, "time", range.text, [=](RunConfig& c, const Value& v) { at(c) = read_seconds(v, range); },
      [=](const RunConfig& c) { return print_texts({to_text(at(c))}); });
}

}  // namespace ergon
