// SPDX-License-Identifier: Apache-2.0
// Finds given texts in a text: the leftmost, and of those that begin there the longest.
#pragma once

#include <bitset>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/data/tokenizers/token_table.hpp"

namespace ergon {

class TokenMatcher {
 public:
  struct Match {
    std::size_t begin, end;
    std::size_t index;  // of the text that was found
  };
  TokenMatcher() = default;
  // Of two equal texts the first counts; empty ones are never found.
  explicit TokenMatcher(const std::vector<std::string>& texts);

  std::optional<Match> find(std::string_view text, std::size_t from) const;
  bool empty() const { return lengths_.empty(); }

 private:
  TokenTable texts_;
  std::vector<std::size_t> lengths_;  // that occur, the longest first
  std::bitset<65536> begins_;         // with these two bytes one may begin
};

}  // namespace ergon
