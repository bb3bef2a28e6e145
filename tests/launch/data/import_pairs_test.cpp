// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "launch/commands.hpp"
#include "tests/launch/data/commands.hpp"
#include "tests/launch/subcommands.hpp"

using namespace ergon::test;
using Catch::Contains;

TEST_CASE("pairs become a store with the tokenizer of another") {
  const TemporaryFolder& folder = text_store().folder;
  write_file(folder / "de-en.jsonl", "{\"de\": \"Arbeit\", \"en\": \"work\"}\n{\"de\": \"Mass\", \"en\": \"measure\"}\n");

  const auto result = nlohmann::json::parse(
      ergon_data(folder, "import-pairs de-en.jsonl -o p.h5 --prompt-key de --response-key en --separator ' => ' --tokenizer-of a.h5 --json")
          .out);
  CHECK(result["pairs"] == 2);
  CHECK(result["tokenizer"] == "bytes");
  CHECK(result["prompt_tokens"] == 18);
  const auto sample = nlohmann::json::parse(ergon_data(folder, "sample p.h5 --json").out);
  for (const auto& document : sample["documents"])
    if (document["document"] == 0) {
      CHECK(document["text"] == "Arbeit => work");
      CHECK(document["answer"] == 10);
    }
  CHECK_THAT(ergon_data(folder, "import-pairs de-en.jsonl -o q.h5 --prompt-key de --response-key en --longest 12").out,
             Contains("1 pairs of more than --longest tokens left out"));
}

TEST_CASE("lines of sources and targets are pairs without a word, beside prompts and responses") {
  TemporaryFolder folder;
  write_file(folder / "in.jsonl", "{\"source\": \"Arbeit\", \"target\": \"work\"}\n{\"prompt\": \"2+2\", \"response\": \"4\"}\n");
  const auto result = nlohmann::json::parse(ergon_data(folder, "import-pairs in.jsonl -o p.h5 --valid 0 --json").out);
  CHECK(result["pairs"] == 2);
  CHECK(result["prompt_tokens"] == 7 + 4);
  const auto sample = nlohmann::json::parse(ergon_data(folder, "sample p.h5 --json").out);
  for (const auto& document : sample["documents"]) CHECK(document["text"] == (document["document"] == 0 ? "Arbeit\nwork" : "2+2\n4"));
  CHECK_THAT(call(ergon::command_data_import_pairs, "import-pairs", {"--help"}).text, Contains("\"source\" and \"target\""));
}

TEST_CASE("what became of pairs that are not UTF-8 is said") {
  TemporaryFolder folder;
  write_file(folder / "in.jsonl", "{\"prompt\": \"a\xFF\", \"response\": \"\\ud83d\"}\n{\"prompt\": \"c\", \"response\": \"d\"}\n");
  CHECK_THAT(ergon_data(folder, "import-pairs in.jsonl -o a.h5").out,
             Contains("2 sequences that are not UTF-8 (7 bytes) replaced by U+FFFD, in 1 pairs"));
  CHECK_THAT(ergon_data(folder, "import-pairs in.jsonl -o b.h5 --invalid-utf8 drop").out,
             Contains("1 pairs left out that are not UTF-8 (2 ill-formed parts, 7 bytes)"));
  const auto json = nlohmann::json::parse(ergon_data(folder, "import-pairs in.jsonl -o c.h5 --invalid-utf8 drop --json").out);
  CHECK(json["pairs"] == 1);
  CHECK(json["invalid_pairs"] == 1);
  CHECK(json["repaired_pairs"] == 0);
  CHECK(json["replaced_sequences"] == 2);
  CHECK(json["replaced_bytes"] == 7);
  const DataResult refused = ergon_data(folder, "import-pairs in.jsonl -o d.h5 --invalid-utf8 refuse");
  CHECK(refused.status == 3);
  CHECK_THAT(refused.err, Contains("in.jsonl:1: holds a document that is not UTF-8") && Contains("1 of them escapes of lone surrogates") &&
                              Contains("--invalid-utf8 replace repairs it"));
}

TEST_CASE("lines that cannot be pairs are refused") {
  TemporaryFolder folder;
  write_file(folder / "in.jsonl", "{}\n");
  CHECK_THAT(ergon_data(folder, "import-pairs in.jsonl -o p.h5").err, Contains("has no text under the key") && Contains("--response-key"));
  const auto refused = [&](const std::vector<std::string>& option) {
    std::vector<std::string> words = {folder / "in.jsonl", "-o", folder / "p.h5"};
    words.insert(words.end(), option.begin(), option.end());
    return call(ergon::command_data_import_pairs, "import-pairs", words);
  };
  CHECK_THROWS_WITH(refused({"--prompt-key", ""}), Contains("a key is empty"));
  CHECK_THROWS_WITH(refused({"--longest=-1"}), Contains("-1 tokens cannot be a limit"));
}
