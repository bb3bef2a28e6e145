// SPDX-License-Identifier: Apache-2.0
#include "configs/parse.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "configs/derive.hpp"
#include "configs/did_you_mean.hpp"
#include "configs/key_table.hpp"
#include "configs/presets.hpp"
#include "configs/toml.hpp"
#include "configs/validate.hpp"

namespace ergon {
namespace {

constexpr const char* keys_hint = "`ergon train --help` lists all keys";

std::string section_of(const std::string& key) { return key.substr(0, key.find('.')); }

std::set<std::string> known_sections() {
  std::set<std::string> sections;
  for (const Key& key : key_table()) sections.insert(section_of(key.name));
  return sections;
}

// The key that was meant: one of this name in another section, else a similar one in this section, else a similar one anywhere.
std::string key_hint(const std::string& unknown) {
  auto last_part = [](const std::string& key) { return key.substr(key.rfind('.') + 1); };
  std::string last = last_part(unknown);
  std::vector<std::string> here, anywhere;
  for (const Key& key : key_table()) {
    if (last_part(key.name) == last) return fmt::format("did you mean '{}'?", key.name);
    anywhere.push_back(last_part(key.name));
    if (section_of(key.name) == section_of(unknown)) here.push_back(anywhere.back());
  }
  if (std::string meant = nearest(last, here); !meant.empty()) return fmt::format("did you mean '{}.{}'?", section_of(unknown), meant);
  std::string meant = nearest(last, anywhere);
  for (const Key& key : key_table())
    if (!meant.empty() && last_part(key.name) == meant) return fmt::format("did you mean '{}'?", key.name);
  return keys_hint;
}

// "key=value" as an entry; the value is TOML, or a bare text where it is not.
std::optional<TomlEntry> read_override(const std::string& text, Problems& problems) {
  std::size_t equal = text.find('=');
  std::string where = fmt::format("override '{}'", text);
  if (equal == std::string::npos || equal == 0) {
    problems.add("an override is written key=value", where, "for instance train.steps=100");
    return std::nullopt;
  }
  auto trimmed = [](const std::string& s) {
    std::size_t begin = s.find_first_not_of(" \t"), end = s.find_last_not_of(" \t");
    return begin == std::string::npos ? std::string() : s.substr(begin, end - begin + 1);
  };
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

// Entries in the order in which they are applied.
class Reader {
 public:
  explicit Reader(Problems& problems) : problems_(problems) {}

  void add_file(const std::string& text, const std::string& source) {
    TomlDocument document = read_toml(text, source);
    std::set<std::string> known = known_sections();
    std::set<std::string> refused;
    for (const TomlSection& section : document.sections) {
      std::string top = section_of(section.name);
      if (known.count(top) != 0 || !refused.insert(top).second) continue;
      std::string meant = did_you_mean(top, {known.begin(), known.end()});
      problems_.add(fmt::format("unknown section [{}]", top), section.where,
                    meant.empty() ? fmt::format("sections: {}", fmt::join(known, ", ")) : meant);
    }
    for (TomlEntry& entry : document.entries)
      if (entry.key.find('.') == std::string::npos || refused.count(section_of(entry.key)) == 0) entries_.push_back(std::move(entry));
  }

  void add_overrides(const std::vector<std::string>& overrides) {
    for (const std::string& text : overrides)
      if (std::optional<TomlEntry> entry = read_override(text, problems_)) entries_.push_back(std::move(*entry));
  }

  // The preset stands before the file, whoever names it.
  void add_preset() {
    const TomlEntry* named = nullptr;
    for (const TomlEntry& entry : entries_)
      if (entry.key == "model.preset") named = &entry;
    const std::string* name = named ? std::get_if<std::string>(&named->value.data) : nullptr;
    if (!name || name->empty()) return;
    try {
      std::vector<TomlEntry> preset = read_toml(preset_text(*name), "preset " + *name).entries;
      entries_.insert(entries_.begin(), preset.begin(), preset.end());
    } catch (const Error& error) {
      problems_.add(error.problem(), named->where, error.hint());
    }
  }

  void apply(RunConfig& config, Given& given) {
    for (const TomlEntry& entry : entries_) {
      const Key* key = find_key(entry.key);
      if (!key) {
        problems_.add(fmt::format("unknown key '{}'", entry.key), entry.where, key_hint(entry.key));
        continue;
      }
      given.set(entry.key, entry.where);
      try {
        key->set(config, entry.value);
      } catch (const Error& error) {
        problems_.add(error.problem().rfind("takes ", 0) == 0 ? fmt::format("{} {}", key->name, error.problem())
                                                              : fmt::format("{}: {}", key->name, error.problem()),
                      entry.where, error.hint());
      }
    }
  }

 private:
  Problems& problems_;
  std::vector<TomlEntry> entries_;
};

std::string read_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw Error("is a folder, not a run file", path, "name the .toml file in it");
  std::ifstream stream(path, std::ios::binary);
  if (!stream)
    throw Error(fmt::format("cannot be read: {}", std::strerror(errno)), path,
                "examples.toml in the source tree is a run file to start from");
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

}  // namespace

RunConfig parse_run_text(const std::string& text, const std::string& source, const std::vector<std::string>& overrides, Purpose purpose) {
  Problems problems;
  RunConfig config;
  Given given;
  Reader reader(problems);
  reader.add_file(text, source);
  reader.add_overrides(overrides);
  reader.add_preset();
  reader.apply(config, given);

  // Rules between keys make sense only when each key by itself is right.
  if (problems.empty()) derive(config, given, problems);
  if (problems.empty()) validate(config, given, problems);
  // A value that was given and refused has been said already.
  if (purpose == Purpose::train && config.data.train.empty() && (problems.empty() || !given.contains("data.train")))
    problems.add("data.train is missing: it names the token store to train on",
                 given.contains("data.train") ? given.where("data.train") : source,
                 "make one with `ergon data import FOLDER -o tokens.h5`");
  problems.throw_if_any(source);
  return config;
}

RunConfig parse_run_config(const std::string& path, const std::vector<std::string>& overrides, Purpose purpose) {
  if (purpose == Purpose::describe && !std::filesystem::exists(path)) {
    std::vector<std::string> names = preset_names();
    if (std::find(names.begin(), names.end(), path) == names.end()) {
      std::string meant = did_you_mean(path, names);
      std::string list = fmt::format("presets: {}", fmt::join(names, ", "));
      throw Error("there is no such file and no such preset", path, meant.empty() ? list : meant + " " + list);
    }
    return parse_run_text(fmt::format("[model]\npreset = {}\n", toml_text(path)), path, overrides, purpose);
  }
  return parse_run_text(read_file(path), path, overrides, purpose);
}

ModelShape load_model(const std::string& path_or_preset, const std::vector<std::string>& overrides) {
  return parse_run_config(path_or_preset, overrides, Purpose::describe).model;
}

}  // namespace ergon
