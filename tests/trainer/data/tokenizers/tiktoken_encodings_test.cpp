// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/tiktoken_encodings.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("tiktoken_encodings: published files are known by their hash") {
  const auto gpt2 = tiktoken_encoding_of("306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930");
  REQUIRE(gpt2);
  CHECK(gpt2->pattern == tiktoken_pattern("gpt2"));
  CHECK(gpt2->special_tokens.at("<|endoftext|>") == 50256);
  CHECK(gpt2->end_of_document == "<|endoftext|>");
  const auto o200k = tiktoken_encoding_of("446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d");
  REQUIRE(o200k);
  CHECK(o200k->special_tokens.at("<|endofprompt|>") == 200018);
  CHECK_FALSE(tiktoken_encoding_of(std::string(64, '0')));
}

TEST_CASE("tiktoken_encodings: patterns have names") {
  for (const char* name : {"gpt2", "cl100k", "o200k", "llama3"}) CHECK_FALSE(tiktoken_pattern(name).empty());
  CHECK(tiktoken_pattern("gpt3").empty());
}
