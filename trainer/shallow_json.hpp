// SPDX-License-Identifier: Apache-2.0
// A limit for JSON that somebody else wrote: a file of open brackets would take a hundred times its size in memory.
#pragma once

namespace ergon {

inline constexpr int deepest_json = 64;

// A callback for Json::parse that calls `refuse`, which throws, for what nests deeper.
template <typename Json, typename Refuse>
auto shallow(Refuse refuse) {
  return [refuse](int depth, typename Json::parse_event_t, Json&) {
    if (depth > deepest_json) refuse();
    return true;
  };
}

}  // namespace ergon
