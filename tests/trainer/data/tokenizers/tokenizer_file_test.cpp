// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/tokenizers/tokenizer_file.hpp"

#include <filesystem>

#include "tests/trainer/data/tokenizers/golden.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

struct Files {
  TemporaryFolder folder;
  InspectingStorage storage;

  Files() {
    write_file(folder / "ranks.tiktoken", golden()["ranks"].get<std::string>());
    write_file(folder / "t.json", "\n" + golden_file(golden_case("llama 2")).dump());
    std::filesystem::create_directories(folder / "gpt2");
    write_file(folder / "gpt2/vocab.json", vocabulary("bytes").dump());
    std::string text;
    for (const auto& pair : merges("bytes")) text += pair[0].get<std::string>() + " " + pair[1].get<std::string>() + "\n";
    write_file(folder / "gpt2/merges.txt", text);
  }
  std::unique_ptr<Tokenizer> open(const std::string& kind, const char* name, const std::string& end = "", const std::string& pattern = "") {
    return open_tokenizer({kind + folder / name, end, pattern}, storage);
  }
  std::string refusal(const std::string& kind, const char* name, ExitCode code, const std::string& end = "",
                      const std::string& pattern = "") {
    return problem_of([&] { open(kind, name, end, pattern); }, code);
  }
};

}  // namespace

TEST_CASE("tokenizer_file: a file is what its kind or its beginning says") {
  Files files;
  for (const std::string kind : {"", "tiktoken:"}) {
    const auto tokenizer = files.open(kind, "ranks.tiktoken", "<end>", "cl100k");
    CHECK(differences(*tokenizer, golden_case("cl100k")) == 0);
    CHECK(tokenizer->eod() == 468);
    CHECK(tokenizer->vocabulary() == 469);
  }
  for (const std::string kind : {"", "huggingface:"}) CHECK(differences(*files.open(kind, "t.json"), golden_case("llama 2")) == 0);
  for (const std::string kind : {"", "gpt2:"}) CHECK(differences(*files.open(kind, "gpt2", "\xC3\xBF"), golden_case("byte level")) == 0);
  write_file(files.folder / "gpt2/tokenizer.json", golden_file(golden_case("llama 2")).dump());
  CHECK(files.open("", "gpt2")->decode(std::vector<std::int32_t>{0}) == "<unk>");
}

TEST_CASE("tokenizer_file: a regular expression may be given") {
  Files files;
  const auto tokenizer = files.open("", "ranks.tiktoken", "<end>", "[^ ]+| ");
  CHECK(tokenizer->decode(encode(*tokenizer, "a b")) == "a b");
}

TEST_CASE("tokenizer_file: what is missing or does not go together is refused") {
  Files files;
  CHECK(contains(files.refusal("tiktoken:", "none", ExitCode::config), "none' does not exist"));
  CHECK(contains(problem_of(
                     [&] {
                       open_tokenizer({"words", "", ""}, files.storage);
                     },
                     ExitCode::config),
                 "'words' is neither bytes nor sentencepiece nor a file"));
  CHECK(contains(files.refusal("huggingface:", "gpt2", ExitCode::config), "gpt2' is a folder"));
  CHECK(contains(files.refusal("", "ranks.tiktoken", ExitCode::config), "is none of the published tiktoken files, and the pattern"));
  CHECK(contains(files.refusal("", "ranks.tiktoken", ExitCode::config, "", "gpt2"),
                 "is none of the published tiktoken files, and its special"));
  CHECK(contains(files.refusal("", "t.json", ExitCode::config, "", "gpt2"),
                 "--tokenizer-pattern: a pattern is given to tiktoken files alone"));
  CHECK(contains(files.refusal("sentencepiece:", "t.json", ExitCode::config, "x"), "--end-of-document: a SentencePiece model says itself"));
  CHECK(contains(files.refusal("sentencepiece:", "t.json", ExitCode::data), "SentencePiece cannot load the model"));
  std::filesystem::remove(files.folder / "gpt2/merges.txt");
  CHECK(contains(files.refusal("", "gpt2", ExitCode::config), "holds neither a tokenizer.json nor vocab.json with merges.txt"));
  std::filesystem::resize_file(files.folder / "t.json", (64 << 20) + 1);
  CHECK(contains(files.refusal("", "t.json", ExitCode::data), "has more than 67108864 bytes"));
}
