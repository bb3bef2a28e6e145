// SPDX-License-Identifier: Apache-2.0
#include "parallel/verdict.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

// All ranks of "tp" {2, 3, 5} as values.
AwaitedOperation operation(int rank = 2) { return {rank, "tp", "tp#0:2-3,5", {2, 3, 5}, "all_reduce", "float64", 64, 17, -1, 12, "step"}; }

RankStatus status(int rank, std::uint64_t collectives) {
  RankStatus status{rank, 12, "step", {}, {}};
  status.groups["tp#0:2-3,5"].collectives = collectives;
  status.groups["tp#0:2-3,5"].sent = {0, 0, 0};
  status.groups["tp#0:2-3,5"].asked = {0, 0, 0};
  return status;
}

std::vector<int> ranks(const std::vector<MissingRank>& missing) {
  std::vector<int> ranks;
  for (const MissingRank& rank : missing) ranks.push_back(rank.rank);
  return ranks;
}

}  // namespace

TEST_CASE("verdict: who has started the operation is there, who has not is missing, who is silent is missing") {
  const Judgement late = judge(operation(), {{3, status(3, 17)}, {5, status(5, 18)}}, {});
  CHECK(ranks(late.missing) == std::vector<int>{3});
  CHECK(late.missing[0].why == MissingRank::Why::behind);
  CHECK(late.missing[0].answers());
  CHECK(late.missing[0].text == "is alive in step 12 (step) and has started 17 of the group's operations");
  const Judgement silent = judge(operation(), {{3, status(3, 18)}}, {});
  CHECK(ranks(silent.missing) == std::vector<int>{5});
  CHECK(silent.missing[0].why == MissingRank::Why::silent);
  CHECK_FALSE(silent.missing[0].answers());
  CHECK(judge(operation(), {{3, status(3, 18)}, {5, status(5, 40)}}, {}).missing.empty());
  CHECK(ranks(judge(operation(), {}, {}).missing) == std::vector<int>{3, 5});
}

TEST_CASE("verdict: what the machine knows of a process counts for more than its answer") {
  const std::map<int, RankStatus> there = {{3, status(3, 18)}, {5, status(5, 18)}};
  const Judgement gone = judge(operation(), there, {{3, ProcessState::gone}, {5, ProcessState::running}});
  CHECK(ranks(gone.missing) == std::vector<int>{3});
  CHECK(gone.missing[0].why == MissingRank::Why::gone);
  CHECK(judge(operation(), there, {{5, ProcessState::stopped}}).missing[0].why == MissingRank::Why::stopped);
}

TEST_CASE("verdict: a rank that is late because it waits itself leads on to what it waits for") {
  RankStatus waiting = status(5, 17);
  waiting.waits = operation(5);
  waiting.waits->group_key = "dp#0:5,9";
  const Judgement led = judge(operation(), {{3, status(3, 18)}, {5, waiting}}, {});
  CHECK(led.missing.empty());
  REQUIRE(led.next.has_value());
  CHECK(led.next->group_key == "dp#0:5,9");
  // A rank that is simply missing ends the search.
  CHECK_FALSE(judge(operation(), {{3, status(3, 17)}, {5, waiting}}, {}).next.has_value());
}

TEST_CASE("verdict: the operation that was due first is named, whoever waits for it") {
  const auto waiting = [](int rank, std::vector<int> members, const char* key, std::int64_t step, const char* phase) {
    RankStatus waiting{rank, step, phase, {}, {}};
    waiting.waits = AwaitedOperation{rank, key, key, std::move(members), "all_reduce", "float64", 6, 3, -1, step, phase};
    return waiting;
  };
  // Rank 3 died in the forward of step 7. Rank 1 waits for it at the end of its backward, rank 2 in the forward, rank 0 for rank 2 only.
  const std::map<int, RankStatus> answers = {{0, waiting(0, {0, 2}, "dp", 6, "update")},
                                             {1, waiting(1, {1, 3}, "dp", 7, "backward")},
                                             {2, waiting(2, {2, 3}, "tp", 7, "forward")},
                                             {4, status(4, 0)}};
  const Verdict verdict{1, answers.at(1).waits, Seconds{1}, {{3, MissingRank::Why::gone, "is gone"}}};
  const Verdict first = at_first_absence(verdict, answers);
  CHECK(*first.operation == *answers.at(2).waits);
  CHECK((first.finder == 1 && first.missing.size() == 1));
  CHECK(first.absent() == std::set<int>{3});
  CHECK(Verdict{1, {}, Seconds{1}, {{3, MissingRank::Why::behind, "is late"}}}.absent().empty());
  CHECK(to_error(first, "").problem().find("6 x float64, step 7 (forward), waited") != std::string::npos);
  // A step before comes first, whatever part; nobody's wait is nobody's; a missing rank's own wait says nothing.
  std::map<int, RankStatus> before = answers;
  before[4] = waiting(4, {3, 4}, "pp", 6, "update");
  CHECK(at_first_absence(verdict, before).operation->group == "pp");
  const Verdict unplaced{1, {}, Seconds{1}, verdict.missing};
  CHECK(at_first_absence(unplaced, answers).operation->group == "tp");
  CHECK_FALSE(at_first_absence(unplaced, {{4, status(4, 0)}}).operation.has_value());
  CHECK_FALSE(at_first_absence(unplaced, {{3, answers.at(2)}}).operation.has_value());
}

TEST_CASE("verdict: a message needs only its other side, which counts what went between the two") {
  AwaitedOperation recv = operation(2);
  recv.operation = "recv";
  recv.peer = 2;
  recv.sequence = 4;
  CHECK(recv.awaited() == std::vector<int>{5});
  RankStatus sender = status(5, 0);
  sender.groups["tp#0:2-3,5"].sent = {4, 9, 0};  // rank 2 stands first in the group
  CHECK(ranks(judge(recv, {{5, sender}}, {}).missing) == std::vector<int>{5});
  sender.groups["tp#0:2-3,5"].sent = {5, 0, 0};
  CHECK(judge(recv, {{5, sender}}, {}).missing.empty());
  AwaitedOperation send = recv;
  send.operation = "send";
  CHECK(ranks(judge(send, {{5, sender}}, {}).missing) == std::vector<int>{5});
  sender.groups["tp#0:2-3,5"].asked = {5, 0, 0};
  CHECK(judge(send, {{5, sender}}, {}).missing.empty());
}

TEST_CASE("verdict: the sentences") {
  Verdict verdict{2, operation(), Seconds{3.04}, {{5, MissingRank::Why::gone, "its process is gone"}}};
  const Error one = to_error(verdict, "RUN/flight/attempt_0001");
  CHECK(one.problem() == "rank 5 is missing from all_reduce 17 on tp (ranks 2, 3, 5): 64 x float64, step 12 (step), waited for 3.0 s");
  AwaitedOperation shaped = operation();
  shaped.shape = {4, 16};
  CHECK(shaped.tensor() == "[4, 16] float64");
  FlightRecord record(3);
  record.enter(FlightPhase::step, 12);
  CHECK(told_error(one, 2, record).problem() == one.problem() + " (found by rank 2; this rank waits for nobody in step 12 (step))");
  const std::array<std::int64_t, 2> sizes = {4, 16};
  record.waited_for(record.open(record.add_group("cp", {1, 3}), Collective::ring_shift, at::kDouble, 64, -1, sizes));
  CHECK(told_error(one, 2, record).problem() == one.problem() + " (found by rank 2; this rank waits in ring_shift 0 on cp)");
  CHECK((told_error(one, 2, record).where() == "rank 3" && told_error(one, 2, record).code() == ExitCode::stuck));
  CHECK(describe(record, record.entries().back()).shape == std::vector<std::int64_t>{4, 16});
  CHECK(one.where() == "rank 2");
  const Verdict circle{2, operation(), Seconds{3}, {}, true};
  CHECK(to_error(circle, "").problem() ==
        "ranks wait for each other, nobody is missing: all_reduce 17 on tp (ranks 2, 3, 5): 64 x float64, step 12 (step), waited for 3.0 "
        "s, needs "
        "ranks that wait in other operations");
  CHECK(one.hint() ==
        "rank 5 its process is gone; the same line resumes from the newest checkpoint; flight records of the living ranks: "
        "RUN/flight/attempt_0001");
  CHECK(one.code() == ExitCode::stuck);
  verdict.missing.push_back({3, MissingRank::Why::silent, "does not answer"});
  CHECK(to_error(verdict, "").problem().starts_with("ranks 5, 3 are missing from all_reduce"));
  verdict.missing.clear();
  CHECK(to_error(verdict, "").problem().starts_with("every rank has started all_reduce 17 on tp"));
  verdict.missing = {{1, MissingRank::Why::gone, "x"}};
  verdict.operation.reset();
  CHECK(to_error(verdict, "").problem() == "rank 1 is missing, and training cannot go on without");
  verdict.operation = operation();
  verdict.operation->peer = 1;
  CHECK(to_error(verdict, "").problem().find("(ranks 2, 3, 5, rank 3 on the other side)") != std::string::npos);
}

TEST_CASE("verdict: what ranks answer survives the journey") {
  FlightRecord record(3);
  const int tp = record.add_group("tp", {2, 3, 5}), world = record.add_group("world", {0, 1, 2, 3, 4, 5});
  record.enter(FlightPhase::checkpoint, 12);
  record.close(record.open(world, Collective::send, at::kByte, 9, 4));
  record.waited_for(record.open(tp, Collective::all_gather, at::kBFloat16, 33));
  const RankStatus back = status_from_text(to_text(status_of(record)));
  CHECK(back.rank == 3);
  CHECK(back.phase == "checkpoint");
  CHECK(back.groups.at("tp#0:2-3,5").collectives == 1);
  CHECK(back.groups.at("world#0:0-5").sent[4] == 1);
  REQUIRE(back.waits.has_value());
  CHECK(*back.waits == AwaitedOperation{3, "tp", "tp#0:2-3,5", {2, 3, 5}, "all_gather", "bfloat16", 33, 0, -1, 12, "checkpoint"});
  const Verdict verdict{3, back.waits, Seconds{2}, {{2, MissingRank::Why::stopped, "is stopped"}}};
  const auto json = nlohmann::json::parse(to_text(verdict, to_error(verdict, "")));
  CHECK(json.at("schema") == "ergon.verdict.v1");
  CHECK(json.at("missing")[0].at("why") == "stopped");
  CHECK(json.at("operation").at("elements") == 33);
}

}  // namespace ergon
