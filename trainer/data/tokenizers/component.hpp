// SPDX-License-Identifier: Apache-2.0
// A part of a tokenizer.json, read key by key: whatever it holds that nobody asked for is refused by name, so nothing is left out silently.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace ergon {

inline constexpr int deepest_sequence = 8;  // of parts that hold parts

class Component {
 public:
  // `place`: "pre_tokenizer", "normalizer.normalizers[1]". Throws Error (ExitCode::data) when `json` is no object. `json` outlives it.
  Component(const nlohmann::json& json, std::string place, std::string file);

  std::string type();  // of the key "type", "" without one
  bool flag(const char* key, bool otherwise);
  std::string text(const char* key, const std::string& otherwise);  // null is `otherwise` too
  std::int64_t number(const char* key, std::int64_t otherwise);
  const nlohmann::json& array(const char* key);
  // nullptr: the key is missing or null.
  const nlohmann::json* part(const char* key);
  void ignore(const char* key);  // says nothing about ids

  // Throws for a key that was not asked for.
  void done() const;
  [[noreturn]] void refuse(const std::string& what) const;

  const std::string& place() const { return place_; }
  const std::string& file() const { return file_; }

 private:
  const nlohmann::json& json_;
  std::string place_, file_;
  std::set<std::string> asked_;
};

}  // namespace ergon
