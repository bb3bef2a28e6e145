// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizer.hpp"

#include "tests/trainer/data/store_fixture.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("the bytes tokenizer gives every byte its value") {
  const auto tokenizer = make_bytes_tokenizer();
  std::string every;
  for (int c = 0; c < 256; ++c) every.push_back(static_cast<char>(c));
  std::vector<std::int32_t> ids = {7};

  tokenizer->encode(every, ids);

  REQUIRE(ids.size() == 257);
  CHECK(ids[0] == 7);
  for (int c = 0; c < 256; ++c) CHECK(ids[static_cast<std::size_t>(c) + 1] == c);
  CHECK(tokenizer->decode(std::span(ids).subspan(1)) == every);
  CHECK(tokenizer->vocabulary() == 257);
  CHECK(tokenizer->eod() == 256);
}

TEST_CASE("eod has no text and a foreign id is refused") {
  const auto tokenizer = make_bytes_tokenizer();

  CHECK(tokenizer->decode(std::vector<std::int32_t>{'h', 256, 'i'}) == "hi");
  CHECK(contains(problem_of([&] { tokenizer->decode(std::vector<std::int32_t>{257}); }), "token id 257 is outside the vocabulary of 257"));
  CHECK(contains(problem_of([&] { tokenizer->decode(std::vector<std::int32_t>{-1}); }), "token id -1"));
}

TEST_CASE("a tokenizer is made from its kind and definition") {
  CHECK(make_tokenizer("bytes", "")->sha256() == make_bytes_tokenizer()->sha256());
  CHECK(contains(problem_of([] { make_tokenizer("bytes", "x"); }), "has no definition"));
  CHECK(contains(problem_of([] { make_tokenizer("words", ""); }), "unknown tokenizer 'words'"));
  CHECK(contains(problem_of([] { make_tokenizer("sentencepiece", "junk"); }), "SentencePiece cannot load the model"));
}
