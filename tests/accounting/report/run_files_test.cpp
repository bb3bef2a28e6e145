// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/run_files.hpp"

#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "tests/accounting/ledgers.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using Catch::Matchers::Contains;

TEST_CASE("a file is its text, and one that is not there is nothing") {
  WrittenRun run;
  run.write("a", "one\ntwo");
  CHECK(text_if_there(run.path() + "/a") == "one\ntwo");
  CHECK_FALSE(text_if_there(run.path() + "/b"));
}

TEST_CASE("events come line by line with their places, without a torn last one") {
  std::vector<std::string> places;
  for_each_event("{\"event\":\"a\"}\n{\"event\":\"b\"}\n{\"eve", "E", [&](const nlohmann::json& event, const std::string& where) {
    places.push_back(where + event.at("event").get<std::string>());
  });
  CHECK(places == std::vector<std::string>{"E:1a", "E:2b"});
  for_each_event(
      "{\"event\":\"c\"}\n", "E", [&](const nlohmann::json&, const std::string& where) { places.push_back(where); }, 8);
  CHECK(places.back() == "E:8");
}

TEST_CASE("what is no object and what has no place is refused at its line") {
  CHECK_THROWS_WITH(parse_object("{", "here"), Contains("this is not JSON"));
  CHECK_THROWS_WITH(parse_object("[1]", "here"), Contains("this is not JSON of an object"));
  CHECK_THROWS_WITH(parse_object("{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}", "here"),
                    Contains("it nests too deep"));
  const EventPlace at = place_of(nlohmann::json{{"attempt", 2}, {"step", 7}}, "E:1");
  CHECK(at.attempt == 2);
  CHECK(at.step == 7);
  CHECK_THROWS_WITH(place_of(nlohmann::json{{"attempt", 2}}, "E:3"), Contains("this event has no attempt and step"));
}

TEST_CASE("steps of an attempt are kept from after its first kept one to its last") {
  const Ledger ledger{{attempt_start(1), interval(1, 0, 8), attempt_start(2, 1, 8), interval(2, 8, 9)}};
  const LedgerSummary summary = summarise(ledger, "L");
  const AttemptSummary* second = find_attempt(summary, 2);
  REQUIRE(second != nullptr);
  CHECK_FALSE(is_kept(*second, 8));
  CHECK(is_kept(*second, 9));
  CHECK_FALSE(is_kept(*second, 10));
  CHECK(find_attempt(summary, 3) == nullptr);
}
