// SPDX-License-Identifier: Apache-2.0
#include "configs/toml.hpp"

#include <toml++/toml.h>

#include <algorithm>

#include "configs/error.hpp"

namespace ergon {
namespace {

Value convert(const toml::node& node) {
  Value value{Value::Other{}, ""};
  if (auto* flag = node.as_boolean()) {
    value = {flag->get(), flag->get() ? "true" : "false"};
  } else if (auto* integer = node.as_integer()) {
    value = {integer->get(), fmt::format("{}", integer->get())};
  } else if (auto* real = node.as_floating_point()) {
    value = {real->get(), toml_number(real->get())};
  } else if (auto* text = node.as_string()) {
    value = Value::text(text->get());
  } else if (auto* array = node.as_array()) {
    Value::List list;
    for (const toml::node& element : *array) list.push_back(convert(element));
    std::vector<std::string> written;
    for (const Value& element : list) written.push_back(element.written);
    value = {std::move(list), fmt::format("[{}]", fmt::join(written, ", "))};
  } else if (auto* table = node.as_table()) {
    Value::Table entries;
    std::vector<std::string> written;
    for (auto&& [key, element] : *table) {
      entries.push_back({std::string(key.str()), convert(element)});
      written.push_back(fmt::format("{} = {}", entries.back().key, entries.back().value.written));
    }
    value = {std::move(entries), fmt::format("{{{}}}", fmt::join(written, ", "))};
  } else {
    value.written = "a date or a time";
  }
  return value;
}

void flatten(const toml::table& table, const std::string& prefix, const std::string& source, TomlDocument& document,
             std::vector<toml::source_position>& positions) {
  for (auto&& [key, node] : table) {
    std::string name = prefix + std::string(key.str());
    toml::source_position at = key.source().begin;
    std::string where = fmt::format("{}:{}:{}", source, at.line, at.column);
    if (const toml::table* inner = node.as_table()) {
      document.sections.push_back({name, where});
      flatten(*inner, name + ".", source, document, positions);
    } else {
      document.entries.push_back({name, convert(node), where});
      positions.push_back(at);
    }
  }
}

}  // namespace

TomlDocument read_toml(const std::string& text, const std::string& source) {
  TomlDocument document;
  std::vector<toml::source_position> positions;
  try {
    toml::table table = toml::parse(text);
    flatten(table, "", source, document, positions);
  } catch (const toml::parse_error& error) {
    toml::source_position at = error.source().begin;
    throw Error(
        fmt::format("not TOML: {}", error.description()), fmt::format("{}:{}:{}", source, at.line, at.column),
        "a line is a [section], a `key = value`, or a # comment; texts stand between quotes. Reading stopped here: more may follow");
  }

  // The library keeps tables sorted by name; messages follow the file.
  std::vector<std::size_t> order(positions.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(positions[a].line, positions[a].column) < std::pair(positions[b].line, positions[b].column);
  });
  std::vector<TomlEntry> sorted;
  for (std::size_t i : order) sorted.push_back(std::move(document.entries[i]));
  document.entries = std::move(sorted);
  return document;
}

std::optional<Value> read_toml_value(const std::string& text) {
  if (text.find('\n') != std::string::npos) return std::nullopt;
  try {
    toml::table table = toml::parse("value = " + text);
    const toml::node* node = table.get("value");
    if (node == nullptr || table.size() != 1) return std::nullopt;
    return convert(*node);
  } catch (const toml::parse_error&) {
    return std::nullopt;
  }
}

std::string section_of(const std::string& key) { return key.substr(0, key.find('.')); }

std::string toml_text(const std::string& text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string toml_number(double number) {
  std::string text = fmt::format("{}", number);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

}  // namespace ergon
