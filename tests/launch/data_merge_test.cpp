// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tests/launch/data_commands.hpp"

using namespace ergon::test;
using Catch::Contains;

TEST_CASE("stores are laid end to end, with or without what stands twice") {
  TemporaryFolder folder;
  make_store(folder);
  write_file(folder / "b.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n{\"text\": \"one\"}\n");
  REQUIRE(ergon_data(folder, "import b.jsonl -o b.h5 --valid 0").status == 0);
  REQUIRE(ergon_data(folder, "split a.h5 -o valid.h5 --only valid").status == 0);

  const auto merged = nlohmann::json::parse(ergon_data(folder, "merge a.h5 b.h5 -o c.h5 --json").out);
  CHECK(merged["documents"] == 303);
  const auto last = nlohmann::json::parse(ergon_data(folder, "sample c.h5 -n 303 --json").out)["documents"];
  for (const auto& document : last)
    if (document["document"] == 301) CHECK(document["text"] == "two");

  const auto without = nlohmann::json::parse(ergon_data(folder, "merge a.h5 valid.h5 b.h5 -o d.h5 --deduplicate --json").out);
  CHECK(without["documents"] == 302);
  CHECK_THAT(ergon_data(folder, "merge a.h5 valid.h5 -o e.h5 --deduplicate").out, Contains("documents left out: the same as one before"));
  CHECK(ergon_data(folder, "verify d.h5").status == 0);
}

TEST_CASE("stores that cannot be one are refused") {
  TemporaryFolder folder;
  make_store(folder);
  write_file(folder / "ids.bin", std::string("\1\0\2\0", 4));
  REQUIRE(ergon_data(folder, "import-ids ids.bin -o ids.h5").status == 0);
  CHECK_THAT(ergon_data(folder, "merge a.h5 ids.h5 -o c.h5").err, Contains("a.h5 and ids.h5 were made with different tokenizers"));
  CHECK_THAT(ergon_data(folder, "merge a.h5 a.h5 -o c.h5").err, Contains("a.h5 and a.h5 hold the same tokens"));
}
