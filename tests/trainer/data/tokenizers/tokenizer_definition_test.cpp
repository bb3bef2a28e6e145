// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/tokenizer_definition.hpp"

#include <nlohmann/json.hpp>

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("tokenizer_definition: head and file come apart as they were joined") {
  const std::string joined = join_definition({{"a", "line\nfeed"}}, "file\nof lines\n");

  const DefinitionParts parts = split_definition(joined, "here");

  CHECK(nlohmann::json::parse(parts.head)["a"] == "line\nfeed");
  CHECK(parts.file == "file\nof lines\n");
  CHECK(contains(problem_of(
                     [] {
                       join_definition({{"a", "\\\xF9"}}, "");
                     },
                     ExitCode::config),
                 "--tokenizer-pattern, --end-of-document: a pattern or the name of a token is not UTF-8"));
  CHECK(contains(problem_of([] { split_definition("no line", "here"); }), "here: the definition has no first line"));
}

TEST_CASE("tokenizer_definition: JSON is bounded in size, depth and number of values") {
  const auto refusal = [](const std::string& text) { return problem_of([&] { bounded_json(text, "here"); }); };
  CHECK(bounded_json("{\"a\": [1, 2]}", "here")["a"].size() == 2);
  CHECK(contains(refusal("{\"a\": "), "here: is not JSON"));
  CHECK(contains(refusal("\"\xFF\""), "here: is not JSON"));
  CHECK(contains(refusal(std::string(100'000, '[')), "here: is nested deeper than 32"));
  std::string many = "[0";
  for (int i = 0; i < 4'000'000; ++i) many += ",0";
  CHECK(contains(refusal(many + "]"), "here: holds more than 4000000 values"));
  CHECK(contains(refusal(std::string(largest_tokenizer_file + 1, ' ')), "bytes, more than 67108864"));
}
