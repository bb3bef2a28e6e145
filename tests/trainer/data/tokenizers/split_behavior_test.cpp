// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/split_behavior.hpp"

#include <string_view>

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

// Pieces of `text` cut at commas.
std::string pieces(const std::string& behavior, std::string_view text) {
  std::string all;
  const Splitter::Sink sink = [&](std::size_t begin, std::size_t end) { all += std::string(text.substr(begin, end - begin)) + "|"; };
  Splitter splitter(*split_behavior(behavior), sink);
  for (std::size_t at = 0; at < text.size();) {
    const bool match = text[at] == ',';
    std::size_t end = at + 1;
    while (!match && end < text.size() && text[end] != ',') ++end;
    splitter.add(at, end, match);
    at = end;
  }
  splitter.finish();
  return all;
}

}  // namespace

TEST_CASE("split_behavior: what becomes of matches") {
  CHECK(pieces("Isolated", "a,,b") == "a|,|,|b|");
  CHECK(pieces("Removed", "a,,b") == "a|b|");
  CHECK(pieces("MergedWithPrevious", "a,,b") == "a,|,|b|");
  CHECK(pieces("MergedWithNext", "a,,b") == "a|,|,b|");
  CHECK(pieces("Contiguous", "a,,b") == "a|,,|b|");
}

TEST_CASE("split_behavior: matches at the ends") {
  CHECK(pieces("Isolated", ",a,") == ",|a|,|");
  CHECK(pieces("Removed", ",a,") == "a|");
  CHECK(pieces("MergedWithPrevious", ",a,") == ",|a,|");
  CHECK(pieces("MergedWithNext", ",a,") == ",a|,|");
  CHECK(pieces("Contiguous", ",,a") == ",,|a|");
  CHECK(pieces("Removed", ",") == "");
  CHECK_FALSE(split_behavior("Kept"));
}
