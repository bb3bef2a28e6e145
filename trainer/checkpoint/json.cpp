// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/json.hpp"

#include <set>
#include <vector>

#include "configs/shallow_json.hpp"

namespace ergon {

void check_json_size(std::int64_t bytes, const std::string& where) {
  constexpr std::int64_t limit = 100'000'000;
  if (bytes > limit) throw Corrupt(fmt::format("{} bytes of JSON are refused, the limit is {}", bytes, limit), where);
}

Json parse_json(const std::string& text, const std::string& where) {
  check_json_size(static_cast<std::int64_t>(text.size()), where);
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > deepest_json) throw Corrupt(fmt::format("this JSON nests deeper than {} levels", deepest_json), where);
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) {
      throw Corrupt(fmt::format("the key '{}' stands twice in one object", value.get<std::string>()), where);
    }
    return true;
  };
  return read_json(where, [&] { return Json::parse(text, watch); });
}

}  // namespace ergon
