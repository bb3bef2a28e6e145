// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/token_matcher.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("token_matcher: the leftmost, then the longest") {
  const TokenMatcher matcher({"ab", "abcd", "b", "bcd", "", "ab"});

  const auto first = matcher.find("xabcde", 0), second = matcher.find("xabce", 0), later = matcher.find("xabcde", 2);

  REQUIRE(first);
  CHECK(first->begin == 1);
  CHECK(first->end == 5);
  CHECK(first->index == 1);
  REQUIRE(second);
  CHECK(second->end == 3);
  CHECK(second->index == 0);
  REQUIRE(later);
  CHECK(later->index == 3);
  CHECK_FALSE(matcher.find("xyz", 0));
  CHECK(matcher.find("b", 0)->index == 2);
  CHECK_FALSE(matcher.find("a", 0));
}

TEST_CASE("token_matcher: nothing is found by an empty one") {
  CHECK(TokenMatcher().empty());
  CHECK(TokenMatcher({""}).empty());
  CHECK_FALSE(TokenMatcher().find("text", 0));
}
