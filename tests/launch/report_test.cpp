// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/accounting/ledgers.hpp"
#include "tests/launch/jobs/fake_sacct.hpp"
#include "tests/launch/subcommands.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

std::string report_output(const std::vector<std::string>& arguments) {
  const Called report = call(command_report, "report", arguments);
  CHECK(report.code == 0);
  return report.text;
}

}  // namespace

TEST_CASE("report prints a page or JSON, and adds runs up") {
  WrittenRun a, b;
  a.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 3)}));
  b.write("ledger.jsonl", text_of({attempt_start(1), interval(1, 0, 4)}));
  CHECK(report_output({a.path()}).find("Training FLOPs, by convention") != std::string::npos);
  const auto json = nlohmann::json::parse(report_output({a.path(), b.path(), "--json"}));
  CHECK(json["schema"] == "ergon.report.v1");
  CHECK(json["runs"].size() == 2);
  CHECK(json["total"]["flops"]["exact"]["spent"] == "49");
  CHECK_THROWS_WITH(report_output({a.path(), a.path() + "/."}), Catch::Matchers::Contains("named twice"));
}

TEST_CASE("report asks Slurm's accounts for the jobs of a run, unless told not to or there are none") {
  WrittenRun run;
  AttemptStart start = attempt_start(1);
  start.allocation = AllocationStamp{{1000}, 4, "7", 0, {}, {}};
  Interval line = interval(1, 0, 3);
  line.closed = {1010};
  run.write("ledger.jsonl", text_of({start, line}));
  const auto source = [&](const std::vector<std::string>& words) {
    return nlohmann::json::parse(report_output(words))["runs"][0]["allocation"]["attempts"][0]["source"].get<std::string>();
  };
  {
    const FakeSacct sacct("case \"$1\" in --jobs=7) echo '7|COMPLETED|900|990|1020';; *) exit 1;; esac\n");
    CHECK(source({run.path(), "--json"}) == "sacct");
    CHECK(source({run.path(), "--json", "--no-sacct"}) == "stamps");
    CHECK(report_output({run.path()}).find("queue wait   1 min 30 s") != std::string::npos);
  }
  const FakeSacct without("echo 'Slurm accounting storage is disabled' >&2; exit 1\n");
  CHECK(source({run.path(), "--json"}) == "stamps");
}

TEST_CASE("a folder without a ledger is refused by name, and so is no folder at all") {
  WrittenRun empty;
  CHECK_THROWS_WITH(report_output({empty.path()}), Catch::Matchers::Contains("there is no ledger.jsonl in '" + empty.path() + "'"));
  CHECK_THROWS_AS(report_output({}), Error);
}
