// SPDX-License-Identifier: Apache-2.0
// What a store keeps of a tokenizer that came from a file: one line of JSON that says what the file does not, a line feed, the file itself.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace ergon {

inline constexpr std::size_t largest_tokenizer_file = 64 << 20;  // bytes

// Throws Error (ExitCode::config) when the head holds text that is not UTF-8.
std::string join_definition(const nlohmann::json& head, std::string_view file);

struct DefinitionParts {
  std::string_view head, file;
};
// Throws Error (ExitCode::data), `where` names the tokenizer, when there is no line feed.
DefinitionParts split_definition(std::string_view definition, const std::string& where);

// JSON of bounded size: at most 4 million values, nested at most 32 deep. Throws Error (ExitCode::data) with what is wrong.
nlohmann::json bounded_json(std::string_view text, const std::string& where);

}  // namespace ergon
