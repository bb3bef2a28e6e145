// SPDX-License-Identifier: Apache-2.0
#include "accounting/ledger_summary.hpp"

#include <algorithm>
#include <random>

#include "configs/error.hpp"
#include "tests/accounting/ledgers.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

LedgerSummary sum(const std::vector<LedgerLine>& lines) { return summarise({lines, 0, false}, "ledger"); }

std::string refusal(const std::vector<LedgerLine>& lines) {
  try {
    sum(lines);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    CHECK(error.where() == "ledger");
    CHECK_FALSE(error.hint().empty());
    return error.problem();
  }
  return "accepted";
}

// Exact figures only: seconds are sums of doubles.
void check_adds_up(const LedgerSummary& s) {
  CHECK(s.spent.steps == s.kept.steps + s.lost.steps);
  CHECK(s.spent.tokens == s.kept.tokens + s.lost.tokens);
  CHECK(s.spent.valid_tokens == s.kept.valid_tokens + s.lost.valid_tokens);
  FlopTally training = s.kept.training, evaluation = s.kept.evaluation;
  training += s.lost.training;
  evaluation += s.lost.evaluation;
  CHECK(training.hardware() == s.spent.training.hardware());
  CHECK(evaluation.hardware() == s.spent.evaluation.hardware());
  for (const auto& [id, flops] : s.spent.training.model) CHECK(training.model[id] == flops);
  for (const auto& [id, flops] : s.spent.evaluation.model) CHECK(evaluation.model[id] == flops);
}

// Steps with costs of their own, so that keeping the wrong ones cannot go unnoticed.
Interval uneven(std::int64_t attempt, std::int64_t from, std::int64_t to) {
  Interval line = interval(attempt, from, to);
  line.training.model["6n"] = {};
  for (std::int64_t step = from + 1; step <= to; ++step) line.training.model["6n"] += Flops{1} * step * step;
  return line;
}

// A run of `steps` steps in which processes die: checkpoints at random steps, each attempt resumes one of them, some roll back within the
// attempt.
std::vector<LedgerLine> troubled_run(std::mt19937& random, std::int64_t steps) {
  const auto pick = [&](std::int64_t low, std::int64_t high) { return std::uniform_int_distribution<std::int64_t>(low, high)(random); };
  struct Saved {
    std::int64_t attempt, step;
  };
  std::vector<Saved> checkpoints;
  std::vector<LedgerLine> lines;
  for (std::int64_t attempt = 1;; ++attempt) {
    // Most often the newest checkpoint, sometimes an older one, sometimes none: of a lineage that was left already, too.
    const bool afresh = checkpoints.empty() || pick(0, 19) == 0;
    Saved from = afresh            ? Saved{0, 0}
                 : pick(0, 3) == 0 ? checkpoints[static_cast<std::size_t>(pick(0, std::ssize(checkpoints) - 1))]
                                   : checkpoints.back();
    lines.push_back(attempt_start(attempt, from.attempt, from.step));
    std::int64_t at = from.step, floor = from.step;
    while (at < steps) {
      const std::int64_t next = std::min(steps, at + pick(0, 7));
      lines.push_back(uneven(attempt, at, next));
      at = next;
      if (pick(0, 3) == 0 && (floor = at, true)) checkpoints.push_back({attempt, at});
      if (attempt < 8 && pick(0, 9) == 0) break;  // dies
      if (pick(0, 9) == 0) {
        lines.push_back(Abandon{attempt, floor});
        std::erase_if(checkpoints, [&](const Saved& s) { return s.attempt == attempt && s.step > floor; });
        at = floor;
      }
    }
    if (at == steps) return lines;
  }
}

}  // namespace

TEST_CASE("an uninterrupted run keeps everything") {
  const LedgerSummary s = sum({attempt_start(1), interval(1, 0, 50), interval(1, 50, 100)});
  CHECK(s.spent == s.kept);
  CHECK(s.lost == Tally{});
  CHECK(s.kept.steps == 100);
  CHECK(s.kept.tokens.value == 6400);
  CHECK(s.kept.valid_tokens.value == 6000);
  CHECK(to_decimal(s.kept.training.model.at("6n")) == "1000000000000000000000000");
  CHECK(s.kept.seconds.step.value == 50);
  CHECK(s.communication == std::vector<CommunicationRow>{{"tp", "all_reduce", 200, {102400}, {0.125}, {0.0625}}});
  CHECK(s.predicted == CommunicationVolumes{{"tp", "all_reduce", 200, {102400}}});
  CHECK((!s.predicted_in_part && s.uncounted_steps == 0));
  CHECK(goodput(s, "6n") == 1.0);
}

TEST_CASE("steps after the resumed checkpoint are lost, to the last FLOP") {
  const LedgerSummary s = sum({attempt_start(1), interval(1, 0, 50), interval(1, 50, 80), attempt_start(2, 1, 50), interval(2, 50, 100)});
  CHECK(s.spent.steps == 130);
  CHECK(s.kept.steps == 100);
  CHECK(s.lost.steps == 30);
  CHECK(s.lost.training.gemm.value == 240);
  CHECK(s.lost.evaluation.attention.value == 30);
  check_adds_up(s);
  CHECK(*goodput(s, "exact") == Approx(100.0 / 130));
  REQUIRE(s.attempts.size() == 2);
  CHECK(s.attempts[0].kept_from == 0);
  CHECK(s.attempts[0].kept_to == 50);
  CHECK(s.attempts[0].last_step == 80);
  CHECK(s.attempts[0].spent.steps == 80);
  CHECK(s.attempts[1].kept_from == 50);
  CHECK(s.attempts[1].kept_to == 100);
}

TEST_CASE("an attempt may resume a checkpoint older than the one before it, in another lineage") {
  // 2 resumes 1 at 20 and gets to 60; 3 goes back to what 1 saved at 40.
  const LedgerSummary s = sum({attempt_start(1), interval(1, 0, 20), interval(1, 20, 40), attempt_start(2, 1, 20), interval(2, 20, 60),
                               attempt_start(3, 1, 40), interval(3, 40, 50)});
  CHECK(s.kept.steps == 50);
  CHECK(s.lost.steps == 40);
  CHECK(s.attempts[1].kept_from == s.attempts[1].kept_to);
  check_adds_up(s);
}

TEST_CASE("an abandoned stretch is lost, and the attempt goes on from there") {
  const LedgerSummary s = sum({attempt_start(1), interval(1, 0, 10), interval(1, 10, 30), Abandon{1, 10}, interval(1, 10, 15)});
  CHECK(s.kept.steps == 15);
  CHECK(s.lost.steps == 20);
  check_adds_up(s);
}

TEST_CASE("an attempt that only started up is lost when the next resumes the same checkpoint, and a fresh start loses all") {
  Interval startup = interval(2, 10, 10);
  startup.seconds.startup = {4};
  LedgerSummary s = sum({attempt_start(1), interval(1, 0, 10), attempt_start(2, 1, 10), startup, attempt_start(3, 1, 10)});
  CHECK(s.lost.seconds.startup.value == 4);
  CHECK(s.kept.steps == 10);
  s = sum({attempt_start(1), interval(1, 0, 10), attempt_start(2)});
  CHECK(s.lost.steps == 10);
  CHECK(goodput(s, "6n") == 0.0);
}

TEST_CASE("goodput is unknown before anything was spent, torn lines are counted") {
  AttemptStart start = attempt_start(1);
  start.torn_lines = 2;
  const LedgerSummary s = summarise({{start}, 0, true}, "ledger");
  CHECK_FALSE(goodput(s, "6n").has_value());
  CHECK(s.torn_lines == 3);
  CHECK(summarise({}, "ledger").attempts.empty());
}

TEST_CASE("whatever happens to a run, spent = kept + lost and kept is what an uninterrupted run spends") {
  std::mt19937 random(7);
  int interrupted = 0;
  for (int trial = 0; trial < 500; ++trial) {
    const std::int64_t steps = 20 + trial % 40;
    const std::vector<LedgerLine> lines = troubled_run(random, steps);
    const LedgerSummary s = summarise(parse_ledger(text_of(lines), "ledger"), "ledger");
    check_adds_up(s);
    const LedgerSummary whole = sum({attempt_start(1), uneven(1, 0, steps)});
    CHECK(s.kept.training == whole.spent.training);
    CHECK(s.kept.evaluation == whole.spent.evaluation);
    CHECK(s.kept.tokens == whole.spent.tokens);
    CHECK(s.kept.steps == steps);
    interrupted += s.lost.steps > 0 ? 1 : 0;
  }
  CHECK(interrupted > 250);  // the property was put to the test
}

TEST_CASE("a ledger that contradicts itself is refused") {
  const LedgerLine one = attempt_start(1), ten = interval(1, 0, 10);
  CHECK(refusal({ten}) == "attempt 1 has no start in the ledger");
  CHECK(refusal({one, one}) == "attempt 1 starts twice");
  CHECK(refusal({one, interval(1, 5, 10)}) == "attempt 1 stands at step 0, its next interval is 5 to 10");
  CHECK(refusal({one, ten, interval(1, 10, 9)}) == "attempt 1 stands at step 10, its next interval is 10 to 9");
  CHECK(refusal({one, ten, interval(1, 12, 20)}) == "attempt 1 stands at step 10, its next interval is 12 to 20");
  CHECK(refusal({one, ten, attempt_start(2, 1, 5)}) ==
        "attempt 2 resumes step 5 of attempt 1, where no interval of that attempt's lineage ends");
  CHECK(refusal({one, ten, attempt_start(2, 1, 20)}) ==
        "attempt 2 resumes step 20 of attempt 1, where no interval of that attempt's lineage ends");
  CHECK(refusal({one, ten, attempt_start(3, 2, 10)}) == "attempt 2 has no start in the ledger");
  CHECK(refusal({one, ten, Abandon{1, 5}}) == "attempt 1 is abandoned from step 5, where none of its intervals ends");
  CHECK(refusal({one, ten, Abandon{4, 5}}) == "attempt 4 has no start in the ledger");
}

TEST_CASE("what was counted without a prediction, and what was not counted at all, is known") {
  Interval old = interval(1, 0, 5), recovered = interval(1, 5, 8);
  old.predicted.reset();
  recovered.predicted.reset();
  recovered.communication.clear();
  const LedgerSummary before = summarise({.lines = {attempt_start(1), old, interval(1, 5, 6)}}, "x");
  CHECK((before.predicted_in_part && before.uncounted_steps == 0));
  CHECK(before.predicted == CommunicationVolumes{{"tp", "all_reduce", 2, {1024}}});
  const LedgerSummary after = summarise({.lines = {attempt_start(1), interval(1, 0, 5), recovered}}, "x");
  CHECK((!after.predicted_in_part && after.uncounted_steps == 3));
  AttemptStart alone = attempt_start(1);
  alone.world_size = 1;
  CHECK(summarise({.lines = {alone, interval(1, 0, 5), recovered}}, "x").uncounted_steps == 0);
}

TEST_CASE(
    "an attempt knows when its newest stamped line was made, what was booked since, what of its time was kept, and that it went back") {
  Interval first = interval(1, 0, 4), recovered = interval(1, 4, 6);
  first.closed = {100};
  first.skew = RankSkew{3, {1}, {2}, {3}, 1.5, 2, "h"};
  const LedgerSummary s = sum({attempt_start(1), first, recovered, Abandon{1, 4}, attempt_start(2, 1, 4), interval(2, 4, 5)});
  CHECK(s.attempts[0].closed.value == 100);
  CHECK(s.attempts[0].after == recovered.seconds.total());
  CHECK(s.attempts[0].kept == first.seconds);
  CHECK((s.attempts[0].returned && !s.attempts[1].returned));
  CHECK((s.attempts[1].closed.value == 0 && s.attempts[1].after.value > 0));
  REQUIRE(s.skews.size() == 1);
  CHECK((s.skews[0].attempt == 1 && s.skews[0].to_step == 4 && s.skews[0].skew.slowest == 2));
  Interval later = interval(1, 6, 7);
  later.closed = {200};
  CHECK(sum({attempt_start(1), first, recovered, later}).attempts[0].after.value == 0);
}
