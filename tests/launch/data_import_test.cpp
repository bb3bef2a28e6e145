// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tests/launch/data_commands.hpp"

using namespace ergon::test;
using Catch::Contains;

TEST_CASE("an import counts documents, tokens and bytes") {
  TemporaryFolder folder;
  write_text(folder / "in.txt");

  const DataResult imported = ergon_data(folder, "import in.txt -o a.h5 --documents blank-line --valid 0.2 --json");

  REQUIRE(imported.status == 0);
  const auto summary = nlohmann::json::parse(imported.out);
  CHECK(summary["schema"] == "ergon.data_import.v1");
  CHECK(summary["documents"] == 300);
  CHECK(summary["tokens"].get<std::int64_t>() == summary["bytes"].get<std::int64_t>() + 300);
}

TEST_CASE("a SentencePiece model is trained in silence") {
  TemporaryFolder folder;
  write_text(folder / "in.txt");

  const DataResult result = ergon_data(folder, "import in.txt -o a.h5 --tokenizer sentencepiece --vocab 320");

  CHECK(result.status == 0);
  CHECK(result.err == "");
  CHECK_THAT(result.out, Contains("(sentencepiece, vocabulary 320)") && Contains("no document fell into the validation split"));
}

TEST_CASE("an import refuses what it cannot do, and says the way out") {
  TemporaryFolder folder;
  make_store(folder);

  const DataResult existing = ergon_data(folder, "import in.txt -o a.h5");
  CHECK(existing.status == 2);
  CHECK_THAT(existing.err, Contains("--force"));
  CHECK(ergon_data(folder, "import in.txt -o a.h5 --documents blank-line --force").status == 0);
  CHECK(ergon_data(folder, "import none.txt -o b.h5").status == 3);
  CHECK(ergon_data(folder, "import in.txt").status == 2);
  CHECK(ergon_data(folder, "import in.txt -o b.h5 --documents page").status == 2);
  CHECK_THAT(ergon_data(folder, "import in.txt -o b.h5 --vocab 320").err, Contains("add --tokenizer sentencepiece"));
  CHECK_THAT(ergon_data(folder, "import in.txt -o b.h5 --tokenizer sentencepiece --train-text 9223372036854775807").err,
             Contains("out of range"));
  CHECK_THAT(ergon_data(folder, "import --help").out, Contains("--tokenizer"));
}
