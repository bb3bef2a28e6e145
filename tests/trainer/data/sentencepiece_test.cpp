// SPDX-License-Identifier: Apache-2.0
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <unordered_map>

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

// Lines for the library itself.
class Sentences final : public sentencepiece::SentenceIterator {
 public:
  Sentences() { Next(); }
  bool done() const override { return line_ > 300; }
  void Next() override {
    const char* words[] = {"the", "tokens", "of", "a  tokenizer", "are", "pieces", "words", "that", "often", "stand", "together", "in"};
    text_.clear();
    for (int w = 0; w < 12; ++w) text_ += std::string(words[(line_ * 5 + w * w) % 12]) + (w % 5 == 4 ? ". " : " ");
    ++line_;
  }
  const std::string& value() const override { return text_; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  int line_ = 0;
  std::string text_;
};

// Trained by the library, as Ergon trains but for `changes`.
std::string library_model(const std::map<std::string, std::string>& changes) {
  std::unordered_map<std::string, std::string> options = {{"model_type", "bpe"},
                                                          {"vocab_size", "310"},
                                                          {"hard_vocab_limit", "false"},
                                                          {"byte_fallback", "true"},
                                                          {"normalization_rule_name", "identity"},
                                                          {"add_dummy_prefix", "false"},
                                                          {"remove_extra_whitespaces", "false"},
                                                          {"allow_whitespace_only_pieces", "true"},
                                                          {"num_threads", "1"},
                                                          {"minloglevel", "2"}};
  for (const auto& [key, value] : changes) options[key] = value;
  Sentences sentences;
  std::string model;
  REQUIRE(sentencepiece::SentencePieceTrainer::Train(options, &sentences, &model).ok());
  return model;
}

// Longer than what is encoded at once, and awkward where it might be cut.
std::vector<std::string> long_texts() {
  const auto repeated = [](const std::string& part, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += part;
    return text;
  };
  return {repeated("the tokens of words that often stand. ", 100'000),
          repeated("words\nthe tokens\n of  pieces\n\n", 100'000),
          repeated("\xE2\x82\xAC \xF0\x9F\x98\x80\xE2\x82\xAC", 80'000),
          repeated("the\xE2\x82\xAC\n\xE2\x82\xACtokens", 80'000),
          "the" + std::string(70'000, ' ') + "tokens" + std::string(70'000, ' '),
          std::string(65'535, 't') + " ",
          std::string(70'000, 'e') + " the " + std::string(70'000, 'e'),
          " words" + repeated("together", 70'000)};
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
}

TEST_CASE("ids of long text are those of SentencePiece for the whole of it, whatever model it is") {
  const std::vector<std::map<std::string, std::string>> models = {{},  // as Ergon trains
                                                                  {{"add_dummy_prefix", "true"}},
                                                                  {{"add_dummy_prefix", "true"}, {"treat_whitespace_as_suffix", "true"}},
                                                                  {{"remove_extra_whitespaces", "true"}},
                                                                  {{"normalization_rule_name", "nfkc"}},
                                                                  {{"byte_fallback", "false"}},
                                                                  {{"user_defined_symbols", "the tokens,words\nthe"}},
                                                                  {{"split_by_whitespace", "false"}},
                                                                  {{"model_type", "unigram"}, {"add_dummy_prefix", "true"}}};
  for (const auto& changes : models) {
    const std::string model = library_model(changes);
    const auto tokenizer = make_tokenizer("sentencepiece", model);
    sentencepiece::SentencePieceProcessor library;
    REQUIRE(library.LoadFromSerializedProto(model).ok());
    for (const std::string& text : long_texts()) {
      INFO((changes.empty() ? std::string("none") : changes.begin()->first) << ", a text that begins with " << text.substr(0, 20));
      std::vector<int> expected;
      REQUIRE(library.Encode(text, &expected).ok());
      std::vector<std::int32_t> ids;
      tokenizer->encode(text, ids);
      CHECK((ids == std::vector<std::int32_t>(expected.begin(), expected.end())));
      const bool exact = changes.empty() || (changes.size() == 1 && changes.contains("add_dummy_prefix"));
      if (exact) CHECK((tokenizer->decode(ids) == text));
    }
  }
}

TEST_CASE("SentencePiece's refusals are errors") {
  const auto tokenizer = make_tokenizer("sentencepiece", train(320));

  CHECK(contains(problem_of([&] { tokenizer->decode(std::vector<std::int32_t>{320}); }), "token id 320 is outside the vocabulary of 320"));
  CHECK(contains(problem_of([] { train_sentencepiece(320, [](std::string&) { return false; }); }),
                 "there is no text to train a tokenizer on"));
  CHECK(contains(problem_of([] { train(100); }, ExitCode::config), "SentencePiece cannot train 100 pieces"));
  CHECK(contains(problem_of([] { train(50'000); }, ExitCode::config), "SentencePiece cannot train 50000 pieces"));
}

TEST_CASE("a SentencePiece model whose table of normalization is damaged is refused before the library follows it") {
  const std::string model = library_model({{"normalization_rule_name", "nmt_nfkc"}});
  const auto tokenizer = make_tokenizer("sentencepiece", model);
  std::vector<std::int32_t> ids;
  tokenizer->encode("\xEF\xBC\xA1\xEF\xBC\xA2", ids);  // full-width A and B
  CHECK(tokenizer->decode(ids) == "AB");
  const std::size_t table = model.find("nmt_nfkc") + 8;
  int refused = 0;
  for (std::size_t at = table + 19; at < model.size() - 97; at += 997) {
    std::string damaged = model;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x7F);
    try {
      make_tokenizer("sentencepiece", damaged)->encode("\xEF\xBC\xA1 the tokens", ids);
    } catch (const Error& error) {
      ++refused;
    }
  }
  CHECK(refused > 10);
}
