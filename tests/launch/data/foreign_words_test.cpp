// SPDX-License-Identifier: Apache-2.0
#include "launch/data/foreign_words.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("format and type come off the line, or are left open") {
  const auto parsed = [](std::vector<const char*> words) {
    auto result = std::make_unique<ForeignWords>();
    CommandLine line("x", "x");
    result->add_to(line, "--from", "auto", "x");
    words.insert(words.begin(), "x");
    CHECK(line.parse(static_cast<int>(words.size()), words.data()));
    return std::pair(result->format(), result->dtype());
  };
  CHECK(parsed({}) == std::pair(std::optional<ForeignFormat>(), std::optional<TokenDtype>()));
  CHECK(parsed({"--from", "olmo", "--dtype", "uint32"}) == std::pair(std::optional(ForeignFormat::olmo), std::optional(TokenDtype::u32)));
}
