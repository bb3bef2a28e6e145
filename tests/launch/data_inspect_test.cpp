// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tests/launch/data_commands.hpp"

using namespace ergon::test;
using Catch::Contains;

TEST_CASE("inspect shows what import wrote") {
  TemporaryFolder folder;
  write_text(folder / "in.txt");
  const auto summary = nlohmann::json::parse(ergon_data(folder, "import in.txt -o a.h5 --documents blank-line --valid 0.2 --json").out);

  const auto inspected = nlohmann::json::parse(ergon_data(folder, "inspect a.h5 --json").out);
  CHECK(inspected["schema"] == "ergon.data_inspect.v1");
  CHECK(inspected["attributes"]["uuid"] == summary["uuid"]);
  CHECK(inspected["attributes"]["vocab_size"] == 257);
  for (const char* split : {"train", "valid", "test"}) CHECK(inspected["splits"][split] == summary["splits"][split]);
  CHECK(inspected["first_text"].get<std::string>().starts_with("Paragraph number 0 says"));
  CHECK_THAT(ergon_data(folder, "inspect a.h5").out, Contains("n_docs            300") && Contains("Paragraph number 0 says"));
  CHECK(ergon_data(folder, "inspect none.h5").status == 3);
}
