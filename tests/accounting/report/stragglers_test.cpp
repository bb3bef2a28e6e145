// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/stragglers.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

SkewOfInterval skewed(std::int64_t attempt, std::int64_t from, std::int64_t to, std::int64_t rank, double ratio) {
  return {attempt, from, to, {to - from, {0.25}, {0.5}, {1.5}, ratio, rank, "node" + std::to_string(rank)}};
}

}  // namespace

TEST_CASE("stragglers: named with their machine, the worst ratio and where, attempt by attempt") {
  LedgerSummary ledger;
  ledger.skews = {skewed(1, 0, 50, 2, 3), skewed(1, 50, 100, 0, 1.2), skewed(1, 100, 150, 2, 2), skewed(2, 100, 150, 2, 1.5),
                  skewed(2, 150, 200, 1, 1.1)};
  CHECK(stragglers_text(ledger) ==
        "\nRanks, seconds a step in which they were busy, waits left out\n"
        "  newest       0.25 to 1.5, median 0.5, of 50 steps up to 200\n"
        "  STRAGGLER    rank 2 on node2: 3.00 times its peers, steps 0 to 150 of attempt 1 (2 of 3 intervals)\n"
        "  STRAGGLER    rank 2 on node2: 1.50 times its peers, steps 100 to 150 of attempt 2 (1 of 2 intervals)\n");
  std::string why;
  const auto json = stragglers_json(ledger, why);
  CHECK(why.empty());
  CHECK((json.at("compared_intervals") == 5 && json.at("stragglers").size() == 2));
  CHECK(json.at("stragglers")[0].dump() ==
        R"({"rank":2,"host":"node2","attempt":1,"from_step":0,"to_step":150,"intervals":2,"ratio":3.0})");
  CHECK(json.at("worst").at("from_step") == 0);
  CHECK(
      json.at("newest").dump() ==
      R"({"attempt":2,"from_step":150,"to_step":200,"steps":50,"min":0.25,"median":0.5,"max":1.5,"ratio":1.1,"slowest":1,"host":"node1"})");
}

TEST_CASE("stragglers: none, and nothing compared") {
  LedgerSummary ledger;
  std::string why;
  CHECK(stragglers_text(ledger).empty());
  CHECK((stragglers_json(ledger, why).is_null() && why.find("no ranks were compared") == 0));
  ledger.skews = {skewed(1, 0, 50, 2, 1.2)};
  CHECK_THAT(stragglers_text(ledger), Catch::Contains("stragglers   none"));
}
