// SPDX-License-Identifier: Apache-2.0
// A limit for JSON that somebody else wrote or that a disk may have damaged: a file of open brackets would take a hundred times its size in
// memory, and whoever copies or prints the value recurses as deep as it nests. `Json` is one of nlohmann's types.
#pragma once

#include <algorithm>
#include <string_view>

namespace ergon {

inline constexpr int deepest_json = 64;

// A callback for Json::parse that calls `refuse`, which throws, for what nests deeper.
template <typename Json, typename Refuse>
auto shallow(Refuse refuse, int deepest = deepest_json) {
  return [refuse, deepest](int depth, typename Json::parse_event_t, Json&) {
    if (depth > deepest) refuse();
    return true;
  };
}

// Throws Json::exception for what nests deeper, as for what is no JSON.
template <typename Json>
Json parse_shallow(std::string_view text, int deepest = deepest_json) {
  struct TooDeep : Json::exception {
    explicit TooDeep(int id) : Json::exception(id, "it nests too deep") {}
  };
  // So few brackets cannot nest deeper: a line of a log is spared the callback, with which parsing is slower.
  if (std::ranges::count_if(text, [](char c) { return c == '[' || c == '{'; }) <= deepest) return Json::parse(text);
  return Json::parse(text, shallow<Json>([deepest] { throw TooDeep(deepest); }, deepest));
}

// Discarded where parse_shallow throws.
template <typename Json>
Json try_parse_shallow(std::string_view text, int deepest = deepest_json) {
  try {
    return parse_shallow<Json>(text, deepest);
  } catch (const typename Json::exception&) {
    return Json(Json::value_t::discarded);
  }
}

}  // namespace ergon
