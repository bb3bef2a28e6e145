// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/regex.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("regex: finds the leftmost match from a place on, and looks behind it") {
  const Regex pattern("(?<=a)b+|c", "here");
  RegexScratch scratch;

  const auto first = pattern.find("bbabb", 0, scratch), next = pattern.find("abc", 2, scratch);

  REQUIRE(first);
  CHECK(first->begin == 3);
  CHECK(first->end == 5);
  REQUIRE(next);
  CHECK(next->begin == 2);
  CHECK_FALSE(pattern.find("bbb", 0, scratch));
  CHECK(pattern.find("ab", 1, scratch));
}

TEST_CASE("regex: patterns that do not compile or take nothing are refused") {
  CHECK(contains(problem_of([] { Regex("(a", "here"); }), "here: the pattern does not compile: missing closing parenthesis"));
  CHECK(contains(problem_of([] { Regex("a*", "here"); }), "here: the pattern matches the empty string"));
}

TEST_CASE("regex: a pattern that backtracks without end is stopped") {
  const Regex pattern("(?:a|aa)+(?:a|aa)+(?:a|aa)+[bc]", "here");
  RegexScratch scratch;
  const std::string text(400, 'a');

  CHECK(contains(problem_of([&] { (void)pattern.find(text, 0, scratch); }),
                 "here: the pattern cannot be matched at byte 0 of a text of 400 bytes"));
}

TEST_CASE("regex: long runs are matched") {
  const Regex pattern("\\x{20}*\\n|\\x{20}+(?!\\S)|[^\\x{20}]+", "here");
  RegexScratch scratch;
  std::string text(3'000'000, ' ');
  text += "x";

  const auto match = pattern.find(text, 0, scratch);

  REQUIRE(match);
  CHECK(match->end == 2'999'999);
}
