// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/tiktoken_tokenizer.hpp"

#include <thread>

#include "tests/trainer/data/tokenizers/golden.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::unique_ptr<Tokenizer> made_tiktoken(const std::string& pattern, std::map<std::string, std::int32_t> special = {{"<|endoftext|>", 600}},
                                         const std::string& end = "<|endoftext|>") {
  return make_tiktoken_tokenizer(golden()["ranks"].get<std::string>(), {pattern, std::move(special), end}, "f");
}

}  // namespace

TEST_CASE("tiktoken_tokenizer: ids are those of the package under every pattern, and the text comes back") {
  for (const char* name : {"gpt2", "cl100k", "o200k", "llama3"})
    CHECK(differences(*made_tiktoken(tiktoken_pattern(name)), golden_case(name)) == 0);
}

TEST_CASE("tiktoken_tokenizer: a special token in a text is text, and gives none") {
  const auto tokenizer = made_tiktoken(tiktoken_pattern("gpt2"));

  CHECK(encode(*tokenizer, "<|endoftext|>").size() > 1);
  CHECK(tokenizer->eod() == 600);
  CHECK(tokenizer->vocabulary() == 601);
  CHECK(tokenizer->decode(std::vector<std::int32_t>{600, 580}).empty());  // 580 is nobody's
  CHECK(contains(problem_of([&] { tokenizer->decode(std::vector<std::int32_t>{601}); }), "token id 601 is outside the vocabulary of 601"));
  CHECK(tokenizer->kind() == "tiktoken");
}

TEST_CASE("tiktoken_tokenizer: a store's definition makes the same tokenizer") {
  const auto tokenizer = made_tiktoken(tiktoken_pattern("o200k"));
  const auto again = make_tokenizer("tiktoken", tokenizer->definition());

  CHECK(again->definition() == tokenizer->definition());
  CHECK(again->sha256() == tokenizer->sha256());
  CHECK(again->eod() == 600);
  CHECK(differences(*again, golden_case("o200k")) == 0);
  CHECK(contains(problem_of([] { make_tokenizer("tiktoken", "junk"); }), "the definition has no first line"));
  CHECK(contains(problem_of([] { make_tokenizer("tiktoken", "junk\n"); }), "is not JSON"));
  CHECK(contains(problem_of([] { make_tokenizer("tiktoken", "{\"pattern\": 1}\n"); }),
                 "the definition's first line is not what was written"));
}

TEST_CASE("tiktoken_tokenizer: what does not go together is refused") {
  CHECK(contains(problem_of([] {
                   made_tiktoken("\\s+", {{"<|endoftext|>", 5}});
                 }),
                 "f: the special token '<|endoftext|>' has the id 5, which is a rank"));
  CHECK(contains(problem_of([] { made_tiktoken("\\s+", {{"<|endoftext|>", -1}}); }), "has the id -1"));
  CHECK(contains(problem_of([] { made_tiktoken("\\s+", {}); }),
                 "f: '<|endoftext|>', which is to end documents, is not a special token of it"));
  CHECK(contains(problem_of([] { made_tiktoken("\\w+"); }), "f: '\\w' in the pattern"));
  const auto tokenizer = made_tiktoken("\\p{L}+|\\s+");
  CHECK(contains(problem_of([&] { encode(*tokenizer, "two 2"); }), "the pattern leaves out text at byte 4 of a document"));
}

TEST_CASE("tiktoken_tokenizer: first_free_id follows on the ranks") {
  CHECK(first_free_id(golden()["ranks"].get<std::string>(), "f") == 468);
}

TEST_CASE("tiktoken_tokenizer: threads share one") {
  const auto tokenizer = made_tiktoken(tiktoken_pattern("cl100k"));
  int different[4] = {};
  std::vector<std::thread> threads;
  for (int& count : different)
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < golden()["texts"].size(); ++i) {
        std::vector<std::int32_t> ids;
        tokenizer->encode(golden()["texts"][i].get_ref<const std::string&>(), ids);
        count += ids != golden_case("cl100k")["ids"][i].get<std::vector<std::int32_t>>();
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const int count : different) CHECK(count == 0);
}
