// SPDX-License-Identifier: Apache-2.0
#include "configs/value.hpp"

#include <algorithm>
#include <cmath>

#include "configs/error.hpp"

namespace ergon {
namespace {

std::string with_range(const char* what, const std::string& range) { return range.empty() ? what : fmt::format("{} {}", what, range); }

}  // namespace

void refuse_value(const Value& value, const std::string& expected, const std::string& hint) {
  throw Error(fmt::format("takes {}, not {}", expected, value.written), "", hint);
}

bool read_boolean(const Value& value) {
  if (const bool* flag = std::get_if<bool>(&value.data)) return *flag;
  refuse_value(value, "true or false");
}

std::int64_t read_integer(const Value& value, std::int64_t low, std::int64_t high, const std::string& range) {
  constexpr double exact_limit = 9007199254740992.0;  // 2^53
  std::int64_t number = 0;
  if (const std::int64_t* integer = std::get_if<std::int64_t>(&value.data)) {
    number = *integer;
  } else if (const double* real = std::get_if<double>(&value.data); real && std::floor(*real) == *real && std::fabs(*real) <= exact_limit) {
    number = static_cast<std::int64_t>(*real);
  } else {
    refuse_value(value, with_range("a whole number", range));
  }
  if (number > high) refuse_value(value, fmt::format("a whole number from {} to {}", low, high));
  if (number < low) refuse_value(value, with_range("a whole number", range));
  return number;
}

double read_number(const Value& value, const std::string& range) {
  if (const std::int64_t* integer = std::get_if<std::int64_t>(&value.data)) return static_cast<double>(*integer);
  if (const double* real = std::get_if<double>(&value.data); real && std::isfinite(*real)) return *real;
  refuse_value(value, with_range("a number", range));
}

std::string read_text(const Value& value) {
  if (const std::string* text = std::get_if<std::string>(&value.data)) return *text;
  refuse_value(value, "a text", "put it between quotes");
}

std::vector<std::string> read_texts(const Value& value) {
  if (const std::string* text = std::get_if<std::string>(&value.data)) return {*text};
  std::vector<std::string> texts;
  const Value::List* list = std::get_if<Value::List>(&value.data);
  if (!list) refuse_value(value, "a text or a list of texts");
  for (const Value& element : *list) {
    const std::string* text = std::get_if<std::string>(&element.data);
    if (!text) refuse_value(value, "a text or a list of texts");
    texts.push_back(*text);
  }
  return texts;
}

std::vector<const Value*> read_table(const Value& value, const std::vector<std::string>& keys, const std::string& expected) {
  const Value::Table* table = std::get_if<Value::Table>(&value.data);
  if (!table || table->size() != keys.size()) refuse_value(value, expected);
  std::vector<const Value*> found;
  for (const std::string& key : keys) {
    const auto entry = std::ranges::find(*table, key, &Value::Entry::key);
    if (entry == table->end()) refuse_value(value, expected);
    found.push_back(&entry->value);
  }
  return found;
}

}  // namespace ergon
