// SPDX-License-Identifier: Apache-2.0
#include "configs/override.hpp"

#include "configs/key_table.hpp"
#include "configs/text.hpp"

namespace ergon {

std::optional<TomlEntry> read_override(const std::string& text, Problems& problems) {
  std::size_t equal = text.find('=');
  std::string where = fmt::format("override '{}'", text);
  if (equal == std::string::npos || equal == 0) {
    problems.add("an override is written key=value", where, "for instance train.steps=100");
    return std::nullopt;
  }
  std::string key = trimmed(text.substr(0, equal)), written = trimmed(text.substr(equal + 1));
  std::optional<Value> value = read_toml_value(written);
  if (!value && !written.empty() && (written[0] == '[' || written[0] == '"' || written[0] == '\'' || written[0] == '{')) {
    problems.add(fmt::format("{} is not a TOML value", written), where,
                 "texts in a list stand between quotes, and the shell wants quotes around it all");
    return std::nullopt;
  }
  // The echo of this run must be TOML, and that is UTF-8.
  if (!read_toml_value(toml_text(written))) {
    problems.add("the value is not UTF-8", where, "rename what it names, or write it in UTF-8");
    return std::nullopt;
  }
  // Where a text belongs, 2024 and true are texts as well: nobody quotes inside a shell.
  const Key* known = find_key(key);
  bool wants_text = known && (known->type == "text" || known->type == "choice" || known->type == "list of texts");
  bool is_text = value && (std::holds_alternative<std::string>(value->data) || std::holds_alternative<Value::List>(value->data));
  if (!value || (wants_text && !is_text)) value = Value::text(written);
  return TomlEntry{key, std::move(*value), where};
}

}  // namespace ergon
