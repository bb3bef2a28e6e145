// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/json.hpp"

#include <set>
#include <vector>

namespace ergon {

Json parse_json(const std::string& text, const std::string& where) {
  constexpr std::size_t limit = 100'000'000;
  if (text.size() > limit) throw Corrupt(fmt::format("{} bytes of JSON are refused, the limit is {}", text.size(), limit), where);
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
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
