// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/gpt2_files.hpp"

#include "tests/trainer/data/tokenizers/golden.hpp"
#include "trainer/data/tokenizers/huggingface_tokenizer.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::string merges_text() {
  std::string text = "#version: 0.2\n";
  for (const auto& pair : merges("bytes")) text += pair[0].get<std::string>() + " " + pair[1].get<std::string>() + "\r\n";
  return text;
}

}  // namespace

TEST_CASE("gpt2_files: vocab.json and merges.txt give the ids of the same tokenizer.json") {
  const std::string json = gpt2_tokenizer_json(vocabulary("bytes").dump(), merges_text(), "folder");

  CHECK(differences(*make_huggingface_tokenizer(json, "\xC3\xBF", "f"), golden_case("byte level")) == 0);
}

TEST_CASE("gpt2_files: what does not read is named") {
  CHECK(contains(problem_of([] { gpt2_tokenizer_json("[", "", "folder"); }), "folder/vocab.json: is not JSON"));
  CHECK(contains(problem_of([] { gpt2_tokenizer_json("[]", "", "folder"); }), "folder/vocab.json: is not an object of tokens and ids"));
  CHECK(contains(problem_of([] { gpt2_tokenizer_json("{}", "#version\na b\nc\n", "folder"); }), "folder/merges.txt:3: is not two tokens"));
  CHECK(contains(problem_of([] { gpt2_tokenizer_json("{}", "a b c\n", "folder"); }), "folder/merges.txt:1: is not two tokens"));
}
