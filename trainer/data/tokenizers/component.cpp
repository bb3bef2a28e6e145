// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/component.hpp"

#include "configs/error.hpp"

namespace ergon {

Component::Component(const nlohmann::json& json, std::string place, std::string file)
    : json_(json), place_(std::move(place)), file_(std::move(file)) {
  if (!json_.is_object()) refuse("is not an object");
}

void Component::refuse(const std::string& what) const {
  throw Error(place_ + " " + what, file_, "this version reads the parts that trainer/data/README.md lists; use another tokenizer",
              ExitCode::data);
}

const nlohmann::json* Component::part(const char* key) {
  asked_.insert(key);
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

std::string Component::type() { return text("type", ""); }

bool Component::flag(const char* key, bool otherwise) {
  const nlohmann::json* value = part(key);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) refuse(fmt::format("has a '{}' that is neither true nor false", key));
  return value->get<bool>();
}

std::string Component::text(const char* key, const std::string& otherwise) {
  const nlohmann::json* value = part(key);
  if (value == nullptr) return otherwise;
  if (!value->is_string()) refuse(fmt::format("has a '{}' that is no text", key));
  return value->get<std::string>();
}

std::int64_t Component::number(const char* key, std::int64_t otherwise) {
  const nlohmann::json* value = part(key);
  if (value == nullptr) return otherwise;
  if (!value->is_number_integer() || value->get<std::int64_t>() < 0 || value->get<std::int64_t>() > INT32_MAX)
    refuse(fmt::format("has a '{}' that is no count", key));
  return value->get<std::int64_t>();
}

const nlohmann::json& Component::array(const char* key) {
  const nlohmann::json* value = part(key);
  if (value == nullptr || !value->is_array()) refuse(fmt::format("has no list '{}'", key));
  return *value;
}

void Component::ignore(const char* key) { asked_.insert(key); }

void Component::done() const {
  for (const auto& [key, value] : json_.items())
    if (!asked_.contains(key)) refuse(fmt::format("has a '{}', which this version does not know", key));
}

}  // namespace ergon
