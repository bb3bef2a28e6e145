// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/accounting/ledgers.hpp"
#include "tests/launch/subcommands.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::string output(const std::vector<std::string>& arguments) {
  const Called report = call(command_report, "report", arguments);
  CHECK(report.code == 0);
  return report.text;
}

}  // namespace

TEST_CASE("report prints a page or JSON, and adds runs up") {
  WrittenRun a, b;
  a.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 3)}));
  b.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 4)}));
  CHECK(output({a.path()}).find("Training FLOPs, by convention") != std::string::npos);
  const auto json = nlohmann::json::parse(output({a.path(), b.path(), "--json"}));
  CHECK(json["schema"] == "ergon.report.v1");
  CHECK(json["runs"].size() == 2);
  CHECK(json["total"]["flops"]["exact"]["spent"] == "49");
  CHECK_THROWS_WITH(output({a.path(), a.path() + "/."}), Catch::Matchers::Contains("named twice"));
}

TEST_CASE("a folder without a ledger is refused by name, and so is no folder at all") {
  WrittenRun empty;
  CHECK_THROWS_WITH(output({empty.path()}), Catch::Matchers::Contains("there is no ledger.jsonl in '" + empty.path() + "'"));
  CHECK_THROWS_AS(output({}), Error);
}
