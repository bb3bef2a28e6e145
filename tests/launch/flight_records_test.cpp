// SPDX-License-Identifier: Apache-2.0
#include "launch/flight_records.hpp"

#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "parallel/verdict.hpp"
#include "tests/launch/flight_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using Catch::Matchers::Contains;

namespace {

std::string refusal(const std::string& run, std::optional<std::int64_t> attempt = {}) {
  try {
    read_flight_records(run, attempt);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    CHECK_FALSE(error.hint().empty());
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("flight_records: those of the newest attempt that has any, or of the one that is named") {
  FlightRun run;
  run.attempt(1).attempt(3).write(3, "verdict_00000.json", "{}").write(4, "verdict_00000.json", "{}").write(3, "rank_00000.json.tmp", "");
  const FlightRecords newest = read_flight_records(run.path(), {});
  CHECK((newest.attempt == 3 && newest.attempts == std::vector<std::int64_t>{1, 3}));
  REQUIRE(newest.ranks.size() == 2);
  CHECK((newest.ranks[0].rank == 0 && newest.ranks[1].rank == 1));
  CHECK(newest.folder == run.path() + "/flight/attempt_0003");
  CHECK(read_flight_records(run.path(), 1).folder == run.path() + "/flight/attempt_0001");
}

TEST_CASE("flight_records: what a rank did after a verdict that names it is left out") {
  FlightRun run;
  run.attempt(1);
  const Verdict verdict{0,
                        AwaitedOperation{0, "tp", "tp#0:0-2", {0, 1, 2}, "all_reduce", "float64", 64, 1, -1, 6, "forward"},
                        {2},
                        {{1, MissingRank::Why::silent, ""}}};
  auto record = nlohmann::json::parse(read_file(run.file(1, "rank_00000.json")));
  CHECK(record["groups"][0]["key"] == "tp#0:0-2");
  record["verdict"] = nlohmann::json::parse(to_text(verdict, to_error(verdict, "")));
  run.write(1, "rank_00000.json", record.dump());
  const FlightRecords read = read_flight_records(run.path(), {});
  CHECK((read.ranks[0].operations.size() == 2 && read.ranks[1].operations.size() == 1));
}

TEST_CASE("flight_records: a folder that is none, or has no records, is refused, and so is an attempt without any") {
  CHECK_THAT(refusal("no/such/run"), Contains("there is no run folder 'no/such/run'"));
  FlightRun run;
  run.write(1, "verdict_00000.json", "{}");
  CHECK_THAT(refusal(run.path()), Contains("holds no flight records") && Contains("code 5"));
  run.attempt(2).attempt(5);
  CHECK_THAT(refusal(run.path(), 3), Contains("attempt 3 has no flight records") && Contains("attempts that have: 2, 5"));
}

TEST_CASE("flight_records: a torn record and one under another rank's name are refused by their path") {
  FlightRun run;
  run.attempt(1).write(1, "rank_00002.json", "{\"schema\": \"ergon.fli");
  CHECK_THAT(refusal(run.path()),
             Contains(run.file(1, "rank_00002.json")) && Contains("this is not a whole flight record") && Contains("move it away"));
  FlightRun moved;
  moved.attempt(1);
  moved.write(1, "rank_00007.json", read_file(moved.file(1, "rank_00001.json")));
  CHECK_THAT(refusal(moved.path()),
             Contains(moved.file(1, "rank_00007.json")) && Contains("this is the record of rank 1") && Contains("rank_00001.json"));
}
