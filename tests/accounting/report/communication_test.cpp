// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/communication.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("counted and predicted communication stand side by side, whichever has a row") {
  LedgerSummary ledger;
  ledger.communication = {
      {"control", "broadcast", 7, {70}, {1}, {1}}, {"cp", "ring_shift", 4, {40}, {1}, {0.5}}, {"tp", "all_reduce", 2, {20}, {1}, {1}}};
  ledger.predicted = {{"cp", "ring_shift", 4, {40}}, {"pp", "send", 1, {10}}, {"tp", "all_reduce", 2, {21}}};
  const std::vector<ComparedCommunication> rows = compare_communication(ledger);
  REQUIRE(rows.size() == 4);
  CHECK((rows[0].counted.group == "control" && !rows[0].predicted && !rows[0].reason.empty() && !rows[0].differs()));
  CHECK((rows[1].counted.group == "cp" && rows[1].predicted && !rows[1].differs() && rows[1].axes == "cp"));
  CHECK((rows[2].counted.group == "pp" && rows[2].counted.calls == 0 && rows[2].differs()));
  CHECK((rows[3].counted.group == "tp" && rows[3].differs() && rows[3].counted.exposed.value == 1));
  ledger.communication.push_back({"zz", "send", 1, {1}, {0}, {0}});
  CHECK(compare_communication(ledger).back().reason == "no formula knows this group");
}

TEST_CASE("calls that differ are a difference too, and so is a row that nobody predicted") {
  LedgerSummary ledger;
  ledger.communication = {{"pp", "recv", 3, {0}, {0}, {0}}};
  ledger.predicted = {{"pp", "recv", 4, {0}}};
  CHECK(compare_communication(ledger).front().differs());
  ledger.predicted.clear();
  CHECK(compare_communication(ledger).front().differs());
  ledger.predicted_in_part = true;
  const ComparedCommunication row = compare_communication(ledger).front();
  CHECK((!row.predicted && row.reason == "a part of it was booked by a version of ergon that predicted nothing"));
}
