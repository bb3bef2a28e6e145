// SPDX-License-Identifier: Apache-2.0
#include "tests/trainer/data/store_fixture.hpp"
#include "trainer/data/tokenizer.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::string train(std::int64_t vocabulary, int lines = 400) {
  const char* words[] = {"the",   "tokens", "of",    "a",     "tokenizer", "are", "pieces", "of",
                         "words", "that",   "often", "stand", "together",  "in",  "text",   "2024"};
  int line = 0;
  return train_sentencepiece(vocabulary, [&](std::string& text) {
    if (line == lines) return false;
    text.clear();
    for (int w = 0; w < 12; ++w) text += std::string(words[(line * 5 + w * w) % 16]) + (w % 5 == 4 ? ". " : " ");
    ++line;
    return true;
  });
}

}  // namespace

TEST_CASE("SentencePiece is trained to the size asked for, and twice to the same bytes") {
  const std::string model = train(320);

  CHECK(model == train(320));
  const auto tokenizer = make_sentencepiece_tokenizer(model);
  CHECK(tokenizer->vocabulary() == 320);
  CHECK(tokenizer->eod() >= 0);
  CHECK(tokenizer->kind() == "sentencepiece");
  CHECK(tokenizer->definition() == model);
}

TEST_CASE("SentencePiece gives text back as it was") {
  const auto tokenizer = make_tokenizer("sentencepiece", train(320));
  const std::string texts[] = {"the tokens of text", "  two  spaces  ", "line\nline\n\n\tend", "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80",
                               "zebra QUARTZ \x01"};

  for (const std::string& text : texts) {
    std::vector<std::int32_t> ids;
    tokenizer->encode(text, ids);
    CHECK(tokenizer->decode(ids) == text);
  }
  std::vector<std::int32_t> ids;
  tokenizer->encode("the tokens of the tokenizer", ids);
  CHECK(ids.size() < 15);
}

TEST_CASE("long text is encoded in parts to the same ids") {
  const auto tokenizer = make_tokenizer("sentencepiece", train(320));
  std::string line = "the tokens of a tokenizer are pieces of words\n", text;
  std::vector<std::int32_t> once, all, expected;
  tokenizer->encode(line, once);
  for (int i = 0; i < 3000; ++i) {
    text += line;
    expected.insert(expected.end(), once.begin(), once.end());
  }

  tokenizer->encode(text, all);

  CHECK(all == expected);
  std::string unbroken(100'000, 'x');
  unbroken += "\xE2\x82\xAC";
  std::vector<std::int32_t> ids;
  tokenizer->encode(unbroken, ids);
  CHECK(tokenizer->decode(ids) == unbroken);
}

TEST_CASE("SentencePiece's refusals are errors") {
  const auto tokenizer = make_tokenizer("sentencepiece", train(320));

  CHECK(contains(problem_of([&] { tokenizer->decode(std::vector<std::int32_t>{320}); }), "token id 320 is outside the vocabulary of 320"));
  CHECK(contains(problem_of([] { train_sentencepiece(320, [](std::string&) { return false; }); }),
                 "there is no text to train a tokenizer on"));
  CHECK(contains(problem_of([] { train(100); }, ExitCode::config), "SentencePiece cannot train 100 pieces"));
  CHECK(contains(problem_of([] { train(50'000); }, ExitCode::config), "SentencePiece cannot train 50000 pieces"));
}
