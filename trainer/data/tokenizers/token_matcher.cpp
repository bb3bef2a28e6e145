// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/token_matcher.hpp"

#include <algorithm>

namespace ergon {
namespace {

std::size_t two_bytes(unsigned char first, unsigned char second) { return static_cast<std::size_t>(first) << 8 | second; }

}  // namespace

TokenMatcher::TokenMatcher(const std::vector<std::string>& texts) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string& text = texts[i];
    if (text.empty() || !texts_.add(text, static_cast<std::int64_t>(i))) continue;
    lengths_.push_back(text.size());
    const auto first = static_cast<unsigned char>(text[0]);
    if (text.size() > 1)
      begins_.set(two_bytes(first, static_cast<unsigned char>(text[1])));
    else
      for (int second = 0; second < 256; ++second) begins_.set(two_bytes(first, static_cast<unsigned char>(second)));
  }
  std::ranges::sort(lengths_, std::greater());
  const auto [begin, end] = std::ranges::unique(lengths_);
  lengths_.erase(begin, end);
}

std::optional<TokenMatcher::Match> TokenMatcher::find(std::string_view text, std::size_t from) const {
  if (empty()) return std::nullopt;
  for (std::size_t at = from; at < text.size(); ++at) {
    const auto second = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0;
    if (!begins_[two_bytes(static_cast<unsigned char>(text[at]), static_cast<unsigned char>(second))]) continue;
    for (const std::size_t length : lengths_)
      if (const std::int32_t found = length <= text.size() - at ? texts_.find(text.substr(at, length)) : TokenTable::none;
          found != TokenTable::none)
        return Match{at, at + length, static_cast<std::size_t>(found)};
  }
  return std::nullopt;
}

}  // namespace ergon
