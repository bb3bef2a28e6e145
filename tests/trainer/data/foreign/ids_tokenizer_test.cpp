// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/foreign/ids_tokenizer.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("ids without a tokenizer are shown as numbers, and come back from their definition") {
  const auto tokenizer = make_ids_tokenizer(100, 7);
  CHECK(tokenizer->decode(std::vector<std::int32_t>{1, 7, 99}) == "<1><99>");
  const auto again = make_tokenizer(tokenizer->kind(), tokenizer->definition());
  CHECK(again->vocabulary() == 100);
  CHECK(again->eod() == 7);
  CHECK(make_tokenizer("ids", make_ids_tokenizer(5, -1)->definition())->eod() == -1);
}

TEST_CASE("what ids without a tokenizer cannot be is refused") {
  std::vector<std::int32_t> ids;
  CHECK(contains(problem_of([&] { make_ids_tokenizer(5, -1)->encode("a", ids); }), "text cannot become ids"));
  CHECK(
      contains(problem_of([] { make_ids_tokenizer(5, -1)->decode(std::vector<std::int32_t>{5}); }), "id 5 is outside the vocabulary of 5"));
  CHECK(contains(problem_of([] { make_ids_tokenizer(0, -1); }, ExitCode::config), "a vocabulary of 0 is out of range"));
  CHECK(contains(problem_of([] { make_ids_tokenizer(5, 5); }, ExitCode::config), "id 5 is outside the vocabulary of 5"));
  for (const char* damaged : {"", "5", "5 ", "5 x", "5 5", "0 -1", "5 1 "})
    CHECK(contains(problem_of([&] { make_tokenizer("ids", damaged); }), "the definition of its ids is damaged"));
}
