// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tests/launch/data/commands.hpp"

using namespace ergon::test;
using Catch::Contains;

TEST_CASE("inspect shows what import wrote") {
  const TemporaryFolder& folder = text_store().folder;
  const auto summary = nlohmann::json::parse(text_store().summary);

  const auto inspected = nlohmann::json::parse(ergon_data(folder, "inspect a.h5 --json").out);
  CHECK(inspected["schema"] == "ergon.data_inspect.v1");
  CHECK(inspected["attributes"]["uuid"] == summary["uuid"]);
  CHECK(inspected["attributes"]["vocab_size"] == 257);
  for (const char* split : {"train", "valid", "test"}) CHECK(inspected["splits"][split] == summary["splits"][split]);
  CHECK(inspected["first_text"].get<std::string>().starts_with("Paragraph number 0 says"));
  CHECK_THAT(ergon_data(folder, "inspect a.h5").out, Contains("n_docs            300") && Contains("Paragraph number 0 says"));
  CHECK(ergon_data(folder, "inspect none.h5").status == 3);
}
