// SPDX-License-Identifier: Apache-2.0
#include "launch/data/tokenizer_words.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::string opened(std::vector<const char*> words) {
  TokenizerWords tokenizer;
  CommandLine line("x", "x");
  tokenizer.add_to(line);
  words.insert(words.begin(), "x");
  CHECK(line.parse(static_cast<int>(words.size()), words.data()));
  Storage storage;
  try {
    const auto result = tokenizer.open(storage);
    return result ? result->kind() : "none";
  } catch (const Error& error) {
    return error.problem();
  }
}

}  // namespace

TEST_CASE("a tokenizer is named once or not at all") {
  CHECK(opened({}) == "none");
  CHECK(opened({"--tokenizer", "bytes"}) == "bytes");
  CHECK(opened({"--tokenizer", "bytes", "--tokenizer-of", "a.h5"}) == "two tokenizers are named");
  CHECK(opened({"--end-of-document", "x"}) == "--end-of-document and --tokenizer-pattern concern a tokenizer that comes from a file");
}
