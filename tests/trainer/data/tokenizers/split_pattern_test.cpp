// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/split_pattern.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;
using nlohmann::json;

TEST_CASE("split_pattern: a string is itself, an expression is one") {
  RegexScratch scratch;
  const json text = {{"pattern", {{"String", ".+"}}}}, expression = {{"pattern", {{"Regex", ".+"}}}};
  Component one(text, "p", "f"), other(expression, "p", "f");

  const Regex literal = read_pattern(one), regex = read_pattern(other);

  CHECK(literal.find("ab.+", 0, scratch)->begin == 2);
  CHECK(regex.find("ab.+", 0, scratch)->begin == 0);
  std::string replaced = "a.+b.+";
  replace_matches(replaced, literal, "-", scratch);
  CHECK(replaced == "a-b-");
  replace_matches(replaced, literal, "-", scratch);
  CHECK(replaced == "a-b-");
}

TEST_CASE("split_pattern: anything else is refused") {
  const auto refusal = [](const json& pattern) {
    return problem_of([&] {
      const json object = {{"pattern", pattern}};
      Component component(object, "p", "f");
      read_pattern(component);
    });
  };
  CHECK(contains(refusal(nullptr), "f: p has no 'pattern'"));
  CHECK(contains(refusal("x"), "f: p has no 'pattern'"));
  CHECK(contains(refusal({{"Regex", ""}}), "neither a String nor a Regex, or is empty"));
  CHECK(contains(refusal({{"Regex", "a"}, {"String", "a"}}), "neither a String nor a Regex"));
  CHECK(contains(refusal({{"Glob", "a"}}), "f: p.pattern has a 'Glob'"));
  CHECK(contains(refusal({{"Regex", "\\w"}}), "f, p: '\\w' in the pattern"));
  CHECK(contains(refusal({{"Regex", "(a"}}), "f, p: a group without its end"));
}
