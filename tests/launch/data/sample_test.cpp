// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <set>

#include "launch/commands.hpp"
#include "tests/launch/data/commands.hpp"
#include "tests/launch/subcommands.hpp"

using namespace ergon::test;
using Catch::Contains;

TEST_CASE("documents are shown as text, the same for the same seed") {
  const TemporaryFolder& folder = text_store().folder;

  const auto result = ergon_data(folder, "sample a.h5 -n 5 --seed 3 --json");
  CHECK(result.out == ergon_data(folder, "sample a.h5 -n 5 --seed 3 --json").out);
  CHECK(result.out != ergon_data(folder, "sample a.h5 -n 5 --seed 4 --json").out);
  std::set<int> drawn;
  const auto json = nlohmann::json::parse(result.out);
  for (const auto& document : json["documents"]) {
    const int number = document["document"];
    drawn.insert(number);
    CHECK_THAT(document["text"].get<std::string>(), Contains("Paragraph number " + std::to_string(number) + " says"));
    CHECK(document["shown"] == document["tokens"]);
  }
  CHECK(drawn.size() == 5);

  const auto valid = nlohmann::json::parse(ergon_data(folder, "sample a.h5 -n 1000 --split valid --tokens 9 --json").out)["documents"];
  const auto counts = nlohmann::json::parse(ergon_data(folder, "inspect a.h5 --json").out)["splits"];
  CHECK(valid.size() == counts["valid"]["documents"]);
  CHECK(valid[0]["text"] == "Paragraph");
  CHECK_THAT(ergon_data(folder, "sample a.h5 -n 1").out, Contains("--- document ") && Contains("says that work is counted."));
}

TEST_CASE("what cannot be shown is refused") {
  const TemporaryFolder& folder = text_store().folder;
  CHECK_THROWS_WITH(call(ergon::command_data_sample, "sample", {"a.h5", "-n", "0"}), Contains("0 documents are too few"));
  CHECK_THROWS_WITH(call(ergon::command_data_sample, "sample", {"a.h5", "--tokens", "0"}), Contains("0 tokens are too few"));
  const DataResult empty = ergon_data(folder, "sample a.h5 --split test");
  CHECK(empty.status == 2);
  CHECK_THAT(empty.err, Contains("has no document in its split test"));
}
