// SPDX-License-Identifier: Apache-2.0
// The contract of every JSON answer: what is null says why, in the `reason` beside it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/catch.hpp"

namespace ergon::test {

// Every null below `value` has a text in `reason` under its path ("runs[0].below"), or under that of an object around it.
inline void check_reasons(const nlohmann::json& value, const nlohmann::json& reason, const std::string& path = "") {
  if (value.is_null()) {
    std::string at = path;
    while (!reason.contains(at) && at.find('.') != std::string::npos) at = at.substr(0, at.rfind('.'));
    INFO(path);
    CHECK(reason.contains(at));
    if (reason.contains(at)) CHECK_FALSE(reason[at].get<std::string>().empty());
  }
  if (value.is_object())
    for (const auto& [name, part] : value.items())
      if (!path.empty() || name != "reason") check_reasons(part, reason, path.empty() ? name : path + "." + name);
  if (value.is_array())
    for (std::size_t i = 0; i < value.size(); ++i) check_reasons(value[i], reason, path + "[" + std::to_string(i) + "]");
}

inline nlohmann::json checked_json(const std::string& text) {
  nlohmann::json json = nlohmann::json::parse(text);
  check_reasons(json, json.at("reason"));
  return json;
}

}  // namespace ergon::test
