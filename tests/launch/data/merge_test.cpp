// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tests/launch/data/commands.hpp"

using namespace ergon::test;
using Catch::Contains;

TEST_CASE("stores are laid end to end, with or without what stands twice") {
  const TemporaryFolder& folder = text_store().folder;
  write_file(folder / "b.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n{\"text\": \"one\"}\n");
  REQUIRE(ergon_data(folder, "import b.jsonl -o mb.h5 --valid 0").status == 0);
  REQUIRE(ergon_data(folder, "split a.h5 -o mvalid.h5 --only valid").status == 0);

  const auto merged = nlohmann::json::parse(ergon_data(folder, "merge a.h5 mb.h5 -o mc.h5 --json").out);
  CHECK(merged["documents"] == 303);
  const auto last = nlohmann::json::parse(ergon_data(folder, "sample mc.h5 -n 303 --json").out)["documents"];
  for (const auto& document : last)
    if (document["document"] == 301) CHECK(document["text"] == "two");

  const auto without = nlohmann::json::parse(ergon_data(folder, "merge a.h5 mvalid.h5 mb.h5 -o md.h5 --deduplicate --json").out);
  CHECK(without["documents"] == 302);
  CHECK_THAT(ergon_data(folder, "merge a.h5 mvalid.h5 -o me.h5 --deduplicate").out, Contains("documents left out: the same as one before"));
  CHECK(ergon_data(folder, "verify md.h5").status == 0);
}

TEST_CASE("stores that cannot be one are refused") {
  const TemporaryFolder& folder = text_store().folder;
  write_file(folder / "ids.bin", std::string("\1\0\2\0", 4));
  REQUIRE(ergon_data(folder, "import-ids ids.bin -o ids.h5").status == 0);
  CHECK_THAT(ergon_data(folder, "merge a.h5 ids.h5 -o none.h5").err, Contains("a.h5 and ids.h5 were made with different tokenizers"));
  CHECK_THAT(ergon_data(folder, "merge a.h5 a.h5 -o none.h5").err, Contains("a.h5 and a.h5 hold the same tokens"));
}
