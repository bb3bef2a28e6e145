// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/tokenizer_definition.hpp"

#include <nlohmann/json.hpp>

#include "configs/error.hpp"

namespace ergon {

using nlohmann::json;

namespace {

constexpr int deepest_definition = 32;
constexpr std::int64_t most_values = 4'000'000;

}  // namespace

std::string join_definition(const json& head, std::string_view file) {
  try {
    return head.dump() + "\n" + std::string(file);
  } catch (const json::exception&) {
    throw Error("a pattern or the name of a token is not UTF-8", "--tokenizer-pattern, --end-of-document", "give them in UTF-8");
  }
}

DefinitionParts split_definition(std::string_view definition, const std::string& where) {
  const std::size_t end = definition.find('\n');
  if (end == std::string_view::npos)
    throw Error("the definition has no first line", where, "the token store was edited or damaged: import the text again", ExitCode::data);
  return {definition.substr(0, end), definition.substr(end + 1)};
}

json bounded_json(std::string_view text, const std::string& where) {
  const auto refuse = [&](const std::string& what) -> Error {
    return Error(what, where, "name a file as the tokenizer's makers publish it", ExitCode::data);
  };
  if (text.size() > largest_tokenizer_file) throw refuse(fmt::format("has {} bytes, more than {}", text.size(), largest_tokenizer_file));
  std::int64_t values = 0;
  const auto count = [&](int depth, json::parse_event_t, json&) {
    if (depth > deepest_definition) throw refuse(fmt::format("is nested deeper than {}", deepest_definition));
    if (++values > most_values) throw refuse(fmt::format("holds more than {} values", most_values));
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), count);
  } catch (const json::exception& error) {
    throw refuse(fmt::format("is not JSON: {}", error.what()));
  }
}

}  // namespace ergon
