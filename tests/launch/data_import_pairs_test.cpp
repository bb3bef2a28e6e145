// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tests/launch/data_commands.hpp"

using namespace ergon::test;
using Catch::Contains;

TEST_CASE("pairs become a store with the tokenizer of another") {
  TemporaryFolder folder;
  make_store(folder);
  write_file(folder / "in.jsonl", "{\"de\": \"Arbeit\", \"en\": \"work\"}\n{\"de\": \"Mass\", \"en\": \"measure\"}\n");

  const auto result = nlohmann::json::parse(
      ergon_data(folder, "import-pairs in.jsonl -o p.h5 --prompt-key de --response-key en --separator ' => ' --tokenizer-of a.h5 --json")
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
  CHECK_THAT(ergon_data(folder, "import-pairs in.jsonl -o q.h5 --prompt-key de --response-key en --longest 12").out,
             Contains("1 pairs of more than --longest tokens left out"));
}

TEST_CASE("lines that cannot be pairs are refused") {
  TemporaryFolder folder;
  write_file(folder / "in.jsonl", "{}\n");
  CHECK_THAT(ergon_data(folder, "import-pairs in.jsonl -o p.h5").err, Contains("has no text under the key") && Contains("--response-key"));
  CHECK_THAT(ergon_data(folder, "import-pairs in.jsonl -o p.h5 --prompt-key ''").err, Contains("a key is empty"));
  CHECK_THAT(ergon_data(folder, "import-pairs in.jsonl -o p.h5 --longest=-1").err, Contains("-1 tokens cannot be a limit"));
}
