// SPDX-License-Identifier: Apache-2.0
#include "launch/data/split_words.hpp"

#include <fmt/format.h>

namespace ergon {

std::vector<std::string> split_choices() {
  std::vector<std::string> words = {"all"};
  for (Split split : all_splits) words.emplace_back(name(split));
  return words;
}

std::optional<Split> split_of_choice(const std::string& word) {
  for (Split split : all_splits)
    if (word == name(split)) return split;
  return std::nullopt;
}

nlohmann::json splits_json(const std::int64_t (&documents)[3], const std::int64_t (&tokens)[3]) {
  nlohmann::json splits;
  for (Split split : all_splits) {
    const auto i = static_cast<std::size_t>(split);
    splits[name(split)] = {{"documents", documents[i]}, {"tokens", tokens[i]}};
  }
  return splits;
}

void print_splits(const std::int64_t (&documents)[3], const std::int64_t (&tokens)[3]) {
  for (Split split : all_splits) {
    const auto i = static_cast<std::size_t>(split);
    fmt::print("  {:<6} {:>10} documents {:>14} tokens\n", name(split), documents[i], tokens[i]);
  }
}

}  // namespace ergon
