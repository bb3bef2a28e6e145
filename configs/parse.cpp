// SPDX-License-Identifier: Apache-2.0
#include "configs/parse.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "configs/derive.hpp"
#include "configs/did_you_mean.hpp"
#include "configs/key_hint.hpp"
#include "configs/key_table.hpp"
#include "configs/override.hpp"
#include "configs/presets.hpp"
#include "configs/text_file.hpp"
#include "configs/toml.hpp"
#include "configs/validate.hpp"

namespace ergon {
namespace {

std::set<std::string> known_sections() {
  std::set<std::string> sections;
  for (const Key& key : key_table()) sections.insert(section_of(key.name));
  return sections;
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
      problems_.add(fmt::format("unknown section [{}]", top), section.where,
                    did_you_mean(top, {known.begin(), known.end()}, fmt::format("sections: {}", fmt::join(known, ", "))));
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
  return text_of_file(path, "examples.toml in the source tree is a run file to start from");
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
    if (std::find(names.begin(), names.end(), path) == names.end())
      throw Error("there is no such file and no such preset", path, preset_hint(path));
    return parse_run_text(fmt::format("[model]\npreset = {}\n", toml_text(path)), path, overrides, purpose);
  }
  return parse_run_text(read_file(path), path, overrides, purpose);
}

ModelShape load_model(const std::string& path_or_preset, const std::vector<std::string>& overrides) {
  return parse_run_config(path_or_preset, overrides, Purpose::describe).model;
}

}  // namespace ergon
