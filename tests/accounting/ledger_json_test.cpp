// SPDX-License-Identifier: Apache-2.0
#include "accounting/ledger_json.hpp"

#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "tests/accounting/ledgers.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using Json = nlohmann::ordered_json;

TEST_CASE("a line says its schema and kind first, then its fields, and reads back") {
  const LedgerLine line = Abandon{3, 40};
  CHECK(json_of(line).dump() == R"({"schema":"ergon.ledger.v2","kind":"abandon","attempt":3,"from_step":40})");
  CHECK(ledger_line_of(json_of(line)) == line);
  for (const LedgerLine& other : {LedgerLine(attempt_start(3, 2, 40)), LedgerLine(interval(3, 40, 47))})
    CHECK(ledger_line_of(json_of(other)) == other);
}

TEST_CASE("no key of a line may be missing but choices that a run did not measure and what a build did not book") {
  AttemptStart start = attempt_start(1);
  start.measured = {{"gemm", "mkl", {1.5}}};
  start.allocation = AllocationStamp{{10}, 4, "", 0, {}, {}};
  Interval stamped = interval(1, 0, 5);
  stamped.skew = RankSkew{4, {1}, {2}, {3}, 1.5, 0, "h"};
  stamped.closed = {20};
  for (const LedgerLine& line : {LedgerLine(start), LedgerLine(stamped), LedgerLine(Abandon{1, 0})}) {
    const Json whole = json_of(line);
    for (const auto& [key, value] : whole.items()) {
      CAPTURE(key);
      Json part = whole;
      part.erase(key);
      if (key == "measured")
        CHECK(std::get<AttemptStart>(ledger_line_of(part)).measured.empty());
      else if (key == "predicted")
        CHECK_FALSE(std::get<Interval>(ledger_line_of(part)).predicted.has_value());
      else if (key == "skew")
        CHECK_FALSE(std::get<Interval>(ledger_line_of(part)).skew.has_value());
      else if (key == "closed")
        CHECK(std::get<Interval>(ledger_line_of(part)).closed.value == 0);
      else if (key == "allocation")
        CHECK_FALSE(std::get<AttemptStart>(ledger_line_of(part)).allocation.has_value());
      else
        CHECK_THROWS_WITH(ledger_line_of(part), Catch::Contains(key));
    }
  }
}

TEST_CASE("a field of another type is refused, not converted") {
  Json line = json_of(interval(1, 0, 5));
  line["tokens"] = 5;
  CHECK_THROWS_AS(ledger_line_of(line), Json::exception);
  line = json_of(interval(1, 0, 5));
  line["attempt"] = "1";
  CHECK_THROWS_AS(ledger_line_of(line), Json::exception);
  line = json_of(interval(1, 0, 5));
  line["tokens"] = "5 ";
  CHECK_THROWS_WITH(ledger_line_of(line), Catch::Contains("'5 ' is not a whole number"));
}

TEST_CASE("parts that a report shows have the shape of the ledger") {
  CHECK(json_of(TimeSplit{{1}, {2}, {3}, {4}, {5}}).dump() ==
        R"({"step":1.0,"data_wait":2.0,"evaluation":3.0,"checkpoint":4.0,"startup":5.0})");
  CHECK(json_of(RankSkew{4, {1}, {2}, {3}, 1.5, 0, "h"}).dump() ==
        R"({"steps":4,"min":1.0,"median":2.0,"max":3.0,"ratio":1.5,"slowest":0,"host":"h"})");
  CHECK(json_of(std::vector<ConfigChange>{{"a", "1", "2"}}).dump() == R"([{"key":"a","before":"1","after":"2"}])");
  CHECK(json_of(std::vector<CommunicationRow>{{"tp", "all_reduce", 2, {3}, {0.5}, {0.25}}}).dump() ==
        R"([{"group":"tp","operation":"all_reduce","calls":2,"bytes":"3","seconds":0.5,"exposed":0.25}])");
  CHECK(json_of(std::vector<CommunicationRow>()).dump() == "[]");
}
