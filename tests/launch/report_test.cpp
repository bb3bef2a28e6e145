// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/accounting/ledgers.hpp"
#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

std::string output(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "report");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  std::ostringstream text;
  struct Redirect {
    std::streambuf* terminal;
    ~Redirect() { std::cout.rdbuf(terminal); }
  } redirect{std::cout.rdbuf(text.rdbuf())};
  const int status = command_report(static_cast<int>(pointers.size()), pointers.data());  // outside CHECK, which would swallow an Error
  CHECK(status == 0);
  return text.str();
}

}  // namespace

TEST_CASE("report prints a page or JSON, and adds runs up") {
  RunFolder a("command a"), b("command b");
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
  RunFolder empty("command empty");
  CHECK_THROWS_WITH(output({empty.path()}), Catch::Matchers::Contains("there is no ledger.jsonl in '" + empty.path() + "'"));
  CHECK_THROWS_AS(output({}), Error);
}
