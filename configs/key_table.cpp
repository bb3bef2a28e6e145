// SPDX-License-Identifier: Apache-2.0
#include "configs/key_table.hpp"

#include <fmt/format.h>

#include <sstream>

#include "configs/keys.hpp"
#include "configs/toml.hpp"

namespace ergon {
namespace {

std::string markdown_cell(const std::string& text) {
  std::string cell;
  for (char c : text) cell += c == '|' ? std::string("\\|") : std::string(1, c);
  return cell;
}

// Text in lines of at most 100 columns, each behind `indent`; a longer word stands alone.
std::string wrapped(const std::string& text, const std::string& indent) {
  std::istringstream words(text);
  std::string lines, line;
  for (std::string word; words >> word;) {
    if (!line.empty() && indent.size() + line.size() + 1 + word.size() > 100) {
      lines += indent + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return lines + indent + line + "\n";
}

}  // namespace

const char* name(OnResume on_resume) {
  constexpr const char* names[] = {"free", "layout", "recorded", "fixed"};
  return names[static_cast<std::size_t>(on_resume)];
}

const std::vector<Key>& key_table() {
  static const std::vector<Key> table = [] {
    std::vector<Key> keys;
    for (auto& part : {keys_run(), keys_model(), keys_training(), keys_mesh(), keys_operation(), keys_launch(), keys_metrics()})
      keys.insert(keys.end(), part.begin(), part.end());
    return keys;
  }();
  return table;
}

const Key* find_key(const std::string& name) {
  for (const Key& key : key_table())
    if (key.name == name) return &key;
  return nullptr;
}

std::vector<std::string> key_names() {
  std::vector<std::string> names;
  for (const Key& key : key_table()) names.push_back(key.name);
  return names;
}

std::string keys_help() {
  std::string text, section;
  for (const Key& key : key_table()) {
    if (section_of(key.name) != section) {
      section = section_of(key.name);
      text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", section);
    }
    std::string range = key.range.empty() ? key.type : key.type == "choice" ? key.range : fmt::format("{} {}", key.type, key.range);
    std::string unit = key.unit.empty() ? "" : fmt::format(" ({})", key.unit);
    text += fmt::format("  {} = {}\n{}", key.name, key.default_text, wrapped(fmt::format("{}{}. {}", range, unit, key.help), "      "));
  }
  return text;
}

std::string keys_markdown() {
  std::string text, section;
  for (const Key& key : key_table()) {
    if (section_of(key.name) != section) {
      section = section_of(key.name);
      text += fmt::format(
          "{}### [{}]\n| key | type | unit | range | default | on resume | when to change it |\n|---|---|---|---|---|---|---|\n",
          text.empty() ? "" : "\n", section);
    }
    text += fmt::format("| `{}` | {} | {} | {} | {} | {} | {} |\n", key.name, key.type, key.unit, markdown_cell(key.range),
                        markdown_cell(key.default_text), name(key.on_resume), markdown_cell(key.help));
  }
  return text;
}

std::string to_toml(const RunConfig& config) {
  std::string text, section;
  for (const Key& key : key_table()) {
    if (section_of(key.name) != section) {
      section = section_of(key.name);
      text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", section);
    }
    text += fmt::format("{} = {}\n", key.name.substr(section.size() + 1), key.print(config));
  }
  return text;
}

}  // namespace ergon
