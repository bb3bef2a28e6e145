// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tests/launch/data/commands.hpp"

using namespace ergon::test;
using Catch::Contains;

TEST_CASE("splits are chosen again as an import would have chosen them") {
  const TemporaryFolder& folder = text_store().folder;
  REQUIRE(ergon_data(folder, "import in.txt -o other.h5 --documents blank-line --valid 0.4 --test 0.1").status == 0);
  const auto splits = [&](const std::string& store) {
    return nlohmann::json::parse(ergon_data(folder, "inspect " + store + " --json").out)["splits"];
  };

  const auto result = nlohmann::json::parse(ergon_data(folder, "split a.h5 -o sb.h5 --valid 0.4 --test 0.1 --json").out);

  CHECK(result["splits"] == splits("other.h5"));
  CHECK(splits("sb.h5") == splits("other.h5"));
  CHECK(ergon_data(folder, "verify sb.h5").status == 0);
}

TEST_CASE("one split alone becomes a store") {
  const TemporaryFolder& folder = text_store().folder;
  const DataResult result = ergon_data(folder, "split a.h5 -o svalid.h5 --only valid");
  CHECK(result.status == 0);
  CHECK_THAT(result.out, Contains("documents left out: of other splits"));
  const auto before = nlohmann::json::parse(ergon_data(folder, "inspect a.h5 --json").out)["splits"];
  const auto after = nlohmann::json::parse(ergon_data(folder, "inspect svalid.h5 --json").out)["splits"];
  CHECK(after["valid"] == before["valid"]);
  CHECK(after["train"]["documents"] == 0);
  CHECK_THAT(ergon_data(folder, "split a.h5 -o svalid.h5 --only valid").err, Contains("already exists"));
  CHECK_THAT(ergon_data(folder, "split a.h5 -o x.h5 --only valid --valid 0.1").err, Contains("--only keeps documents in their split"));
  CHECK_THAT(ergon_data(folder, "split a.h5 -o x.h5 --only test").err, Contains("there is no document in the input"));
}
