// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tests/launch/data/commands.hpp"

using namespace ergon::test;
using Catch::Contains;

TEST_CASE("a store is exported to a format, imported from it, and exported as it was") {
  const TemporaryFolder& folder = text_store().folder;

  const auto exported = nlohmann::json::parse(ergon_data(folder, "export-ids a.h5 -o m --to megatron --split train --json").out);
  CHECK(exported["files"] == nlohmann::json({"m.bin", "m.idx"}));
  CHECK(exported["dtype"] == "uint16");
  REQUIRE(ergon_data(folder, "import-ids m -o m.h5 --tokenizer-of a.h5").status == 0);
  CHECK_THAT(ergon_data(folder, "export-ids m.h5 -o n").out, Contains("n.bin, n.idx: "));
  CHECK(read_file(folder / "n.bin") == read_file(folder / "m.bin"));
  CHECK(read_file(folder / "n.idx") == read_file(folder / "m.idx"));

  CHECK_THAT(ergon_data(folder, "export-ids a.h5 -o n").err, Contains("was made from text: it has no original files of ids"));
  CHECK_THAT(ergon_data(folder, "export-ids m.h5 -o n").err, Contains("already exists"));
}
