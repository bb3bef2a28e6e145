// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "launch/commands.hpp"
#include "tests/launch/data/commands.hpp"
#include "tests/launch/subcommands.hpp"

using namespace ergon::test;
using Catch::Contains;

TEST_CASE("lengths, frequent tokens and duplicates are counted") {
  TemporaryFolder folder;
  write_file(folder / "in.jsonl", "{\"text\": \"aab\"}\n{\"text\": \"aab\"}\n{\"text\": \"a\"}\n{\"text\": \"cccccccc\"}\n");
  REQUIRE(ergon_data(folder, "import in.jsonl -o a.h5 --valid 0").status == 0);

  const auto stats = nlohmann::json::parse(ergon_data(folder, "stats a.h5 --top 2 --json").out);

  CHECK(stats["documents"] == 4);
  CHECK(stats["tokens"] == 19);
  CHECK(stats["document_tokens"] == nlohmann::json({{"shortest", 2}, {"median", 4}, {"longest", 9}}));
  CHECK(stats["lengths"].size() == 4);
  CHECK(stats["lengths"][1] == nlohmann::json({{"from", 2}, {"to", 3}, {"documents", 1}}));
  CHECK(stats["top_tokens"] == nlohmann::json::parse(R"([{"id": 99, "count": 8, "text": "c"}, {"id": 97, "count": 5, "text": "a"}])"));
  CHECK(stats["different_tokens"] == 4);
  CHECK(stats["duplicate_documents"] == 1);
  const DataResult text = ergon_data(folder, "stats a.h5");
  CHECK_THAT(text.out, Contains("4 documents, 19 tokens; a document has 2 to 9, half of them at most 4"));
  CHECK_THAT(text.out, Contains("1 documents repeat one before them"));
  CHECK_THROWS_WITH(call(ergon::command_data_stats, "stats", {"a.h5", "--top=-1"}), Contains("-1 tokens cannot be listed"));
}
