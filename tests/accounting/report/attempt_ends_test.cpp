// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/attempt_ends.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "configs/error.hpp"
#include "tests/accounting/ledgers.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using nlohmann::json;

namespace {

json end(int attempt, int code, const std::string& cause = "", const std::string& reason = "") {
  json event = {{"event", "end"}, {"attempt", attempt}, {"code", code}};
  if (!reason.empty()) event["reason"] = reason;
  if (!cause.empty()) event["cause"] = cause;
  return event;
}

// Of a ledger with attempts 1 to `attempts`, of which those in `returned` went back by themselves.
std::vector<EndCause> causes(int attempts, const std::vector<json>& events, const std::set<std::int64_t>& flights = {},
                             const std::set<std::int64_t>& returned = {}, const json& result = json::object()) {
  LedgerSummary ledger;
  for (int attempt = 1; attempt <= attempts; ++attempt) {
    ledger.attempts.emplace_back().start = attempt_start(attempt);
    ledger.attempts.back().returned = returned.contains(attempt);
  }
  EndTally tally;
  for (const json& event : events) tally.add(event, "events.jsonl:1");
  tally.add_result(result);
  return tally.causes(ledger, [&](std::int64_t attempt) { return flights.contains(attempt); });
}

}  // namespace

TEST_CASE("attempt ends: an attempt ended as its last words say") {
  CHECK(causes(9,
               {end(1, 85, "signal"), end(2, 85, "time"), end(3, 85), end(4, 86, "", "stopped at step 4 on request; the same line resumes"),
                end(5, 86, "loss"), end(6, 87), end(7, 0), end(8, 3), json{{"event", "step"}}, end(9, 4)}) ==
        std::vector{EndCause::saved_on_signal, EndCause::saved_before_time, EndCause::saved, EndCause::stopped, EndCause::loss,
                    EndCause::budget, EndCause::finished, EndCause::failed, EndCause::failed});
}

TEST_CASE("attempt ends: an 86 of a build that wrote no cause is what its reason says, and nobody's where none does") {
  CHECK(causes(3, {end(1, 86), end(2, 86, "", "the loss or its gradient was not finite in 3 steps in a row"), end(3, 86)}, {}, {},
               json{{"attempt", 3}, {"reason", "stopped at step 9 on request; the same line resumes"}}) ==
        std::vector{EndCause::stopped_unsaid, EndCause::loss, EndCause::stopped});
  CHECK(causes(1, {end(1, 86)}, {}, {}, json{{"attempt", 1}, {"reason", "the loss leaped to 9.1 in step 7"}}) ==
        std::vector{EndCause::loss});
  CHECK(causes(1, {end(1, 3)}, {}, {}, json{{"attempt", 1}, {"reason", "on request"}}) == std::vector{EndCause::failed});
}

TEST_CASE("attempt ends: without a word it is what it left behind, and the newest may still run") {
  CHECK(causes(4, {}, {2}, {3}) == std::vector{EndCause::died, EndCause::stuck, EndCause::returned, EndCause::open});
  CHECK(causes(2, {end(1, 85, "signal")}, {1, 2}) == std::vector{EndCause::saved_on_signal, EndCause::stuck});
}

TEST_CASE("attempt ends: Slurm knows more of those that said nothing, and of saves on preemption") {
  CHECK(refined(EndCause::died, "NODE_FAIL") == EndCause::node_failed);
  CHECK(refined(EndCause::stuck, "NODE_FAIL") == EndCause::node_failed);
  CHECK(refined(EndCause::stuck, "FAILED") == EndCause::stuck);
  CHECK(refined(EndCause::died, "OUT_OF_MEMORY") == EndCause::out_of_memory);
  CHECK(refined(EndCause::died, "TIMEOUT") == EndCause::time_limit);
  CHECK(refined(EndCause::died, "PREEMPTED") == EndCause::preempted);
  CHECK(refined(EndCause::open, "CANCELLED by 1000") == EndCause::cancelled);
  CHECK(refined(EndCause::open, "RUNNING") == EndCause::open);
  CHECK(refined(EndCause::saved_on_signal, "PREEMPTED") == EndCause::saved_preempted);
  CHECK(refined(EndCause::saved_before_time, "PREEMPTED") == EndCause::saved_before_time);
  CHECK(refined(EndCause::saved_on_signal, "REQUEUED") == EndCause::saved_on_signal);
  CHECK(refined(EndCause::finished, "TIMEOUT") == EndCause::finished);
}

TEST_CASE("attempt ends: every cause has a key and words of its own") {
  std::set<std::string> keys, texts;
  for (int cause = 0; cause <= static_cast<int>(EndCause::open); ++cause) {
    keys.insert(key(static_cast<EndCause>(cause)));
    texts.insert(text(static_cast<EndCause>(cause)));
  }
  CHECK((keys.size() == 19 && texts.size() == 19));
}

TEST_CASE("attempt ends: an end without its attempt or code is refused") {
  CHECK_THROWS_WITH(causes(1, {json{{"event", "end"}, {"attempt", 1}}}),
                    Catch::Contains("this end does not say of which attempt and with which code"));
}
