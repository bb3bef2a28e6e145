// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/saves.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using nlohmann::json;

namespace {

json step(int attempt, int number, double seconds) {
  return {{"event", "step"}, {"attempt", attempt}, {"step", number}, {"seconds", seconds}};
}

json save(int attempt, int number, double blocked, double write) {
  return {{"event", "save"}, {"attempt", attempt}, {"step", number}, {"blocked", blocked}, {"write", write}};
}

SaveCost cost_of(const std::vector<json>& events) {
  SaveTally tally;
  for (const json& event : events) tally.add(event, "events.jsonl:1");
  return tally.cost();
}

}  // namespace

TEST_CASE("steps between what a save holds and its commit were done beside it") {
  const SaveCost cost = cost_of({step(1, 1, 1), step(1, 2, 1), step(1, 3, 3), step(1, 4, 4), step(1, 5, 5), save(1, 2, 0.25, 7),
                                 step(1, 6, 1), step(2, 5, 1.5), save(2, 5, 0.5, 0), json{{"event", "evaluation"}}, step(2, 6, 1)});
  CHECK((cost.beside == 1 && cost.blocking == 1));
  CHECK((cost.blocked.value == 0.25 && cost.written.value == 7 && cost.blocking_seconds.value == 0.5));
  CHECK(cost.steps_beside == 3);
  CHECK(cost.step_beside.value().value == 4);
  CHECK(cost.step_alone.value().value == 1);
  CHECK(saves_text(cost) ==
        "\nSaves\n  blocking     1: training stood still for 0.50 s\n"
        "  beside steps 1: training stood still for 0.25 s of 7.00 s of writing\n"
        "  a step       4.000 s beside a save (3 of them), 1.000 s alone: 4.00 times as long\n");
  const auto answer = saves_json(cost);
  CHECK((answer.at("step_seconds_beside") == 4.0 && answer.at("blocked_seconds") == 0.25 && answer.at("steps_beside") == 3));
}

TEST_CASE("without a save there is nothing to say, and a save without its figures is refused") {
  const SaveCost none = cost_of({step(1, 1, 1), json{{"event", "step"}, {"attempt", 1}, {"step", 2}}});
  CHECK(saves_text(none).empty());
  CHECK(saves_json(none).at("step_seconds_beside").is_null());
  json bare = save(1, 1, 1, 1);
  bare.erase("write");
  CHECK_THROWS_WITH(cost_of({bare}), Catch::Contains("this save does not say its 'write'"));
}
