// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "launch/commands.hpp"
#include "tests/launch/answers.hpp"
#include "tests/launch/flight_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using Catch::Matchers::Contains;

TEST_CASE("flight prints a page or JSON of the newest attempt, or of the one that is named") {
  FlightRun run;
  run.attempt(1).attempt(2, FlightRun::Rest::differs);
  CHECK_THAT(printed(command_flight, "flight", {run.path()}), Contains("attempt_0002") && Contains("did not start the same operation"));
  const auto json = nlohmann::json::parse(printed(command_flight, "flight", {run.path(), "--attempt", "1", "--json"}));
  CHECK((json["schema"] == "ergon.flight_comparison.v1" && json["attempt"] == 1 && json["mismatch"]["kind"] == "missing"));
  CHECK_THAT(printed(command_flight, "flight", {"--help"}), Contains("--attempt") && Contains("Examples:") && Contains("Exit codes:"));
}

TEST_CASE("flight refuses what is no run, no attempt and no line") {
  FlightRun run;
  const std::optional<Error> none = refusal_of(command_flight, "flight", {run.path()});
  REQUIRE(none);
  CHECK((none->code() == ExitCode::data && none->problem() == "'" + run.path() + "' holds no flight records"));
  CHECK(refused_place(command_flight, "flight", {run.path(), "--attempt", "0"}) == "--attempt");
  const std::optional<Error> nothing = refusal_of(command_flight, "flight", {});
  REQUIRE(nothing);
  CHECK(nothing->code() == ExitCode::config);
}
