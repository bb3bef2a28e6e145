// SPDX-License-Identifier: Apache-2.0
#include "configs/key_makers.hpp"

#include "configs/did_you_mean.hpp"
#include "configs/error.hpp"
#include "configs/toml.hpp"

namespace ergon {
namespace {

// Units are parsed from a text; a bare number counts in the base unit. The message of the unit parser follows what the key takes.
template <typename Parse>
auto read_quantity(const Value& value, const std::string& expected, Parse parse) {
  std::string text;
  if (const std::string* written = std::get_if<std::string>(&value.data)) {
    text = *written;
  } else if (std::holds_alternative<std::int64_t>(value.data) || std::holds_alternative<double>(value.data)) {
    text = value.written;
  } else {
    refuse_value(value, expected);
  }
  try {
    return parse(text);
  } catch (const Error& error) {
    throw Error(fmt::format("takes {}: {}", expected, error.problem()), "", error.hint());
  }
}

void refuse_control_characters(const Value& value, const std::string& path) {
  for (const char c : path)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) refuse_value(value, "a path without control characters", "rename what it names");
}

}  // namespace

Key make_key(const Row& row, const std::string& type, const std::string& range, std::function<void(RunConfig&, const Value&)> set,
             std::function<std::string(const RunConfig&)> print) {
  std::string default_text = print(RunConfig{});
  return {row.name, type, row.unit, range, default_text, row.on_resume, row.help, std::move(set), std::move(print)};
}

std::string integer_range(std::int64_t low, std::int64_t high) {
  return high >= any_count ? fmt::format(">= {}", low) : fmt::format("from {} to {}", low, high);
}

std::string joined(std::span<const char* const> words) { return fmt::format("{}", fmt::join(words.begin(), words.end(), "|")); }

std::size_t read_choice(const Value& value, std::span<const char* const> words) {
  const std::string* text = std::get_if<std::string>(&value.data);
  for (std::size_t i = 0; text && i < words.size(); ++i)
    if (*text == words[i]) return i;
  refuse_value(value, "one of " + joined(words), text ? did_you_mean(*text, {words.begin(), words.end()}) : "");
}

double read_in_range(const Value& value, NumberRange range) {
  double number = read_number(value, range.text);
  if (!range.holds(number)) refuse_value(value, fmt::format("a number {}", range.text));
  return number;
}

Bytes read_bytes(const Value& value) {
  Bytes bytes = read_quantity(value, "a size in bytes above 0", parse_bytes);
  if (bytes.value == 0) refuse_value(value, "a size in bytes above 0");
  return bytes;
}

Seconds read_seconds(const Value& value, NumberRange range) {
  std::string expected = fmt::format("a time {}", range.text);
  Seconds seconds = read_quantity(value, expected, parse_seconds);
  if (!range.holds(seconds.value)) refuse_value(value, expected);
  return seconds;
}

Flops read_flops(const Value& value) { return read_quantity(value, "a number of FLOPs", parse_flops); }

std::string read_path(const Value& value) {
  std::string path = read_text(value);
  refuse_control_characters(value, path);
  return path;
}

std::vector<std::string> read_paths(const Value& value) {
  std::vector<std::string> paths = read_texts(value);
  for (const std::string& path : paths) refuse_control_characters(value, path);
  return paths;
}

std::string print_number(double number) { return toml_number(number); }

std::string print_texts(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) quoted.push_back(toml_text(text));
  return fmt::format("{}", fmt::join(quoted, ", "));
}

std::string print_list(const std::vector<std::string>& texts) { return fmt::format("[{}]", print_texts(texts)); }

}  // namespace ergon
