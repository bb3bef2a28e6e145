// SPDX-License-Identifier: Apache-2.0
#include "parallel/flight_comparison.hpp"

#include "tests/parallel/recorded_rank.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

using Kind = FlightMismatch::Kind;
using Standing = FlightStanding;
using Rank = test::RecordedRank;

std::vector<Standing> standings(const FlightMismatch& mismatch) {
  std::vector<Standing> result;
  for (const FlightPlace& place : mismatch.ranks) result.push_back(place.standing);
  return result;
}

}  // namespace

TEST_CASE("flight_comparison: the example of the header") {
  Rank a(0), b(1);
  for (Rank* rank : {&a, &b}) {
    const std::size_t tp = rank->group("tp", {0, 1});
    for (int i = 0; i < 17; ++i) rank->does(tp, "all_reduce");
  }
  CHECK(compare_flights({a.flight(), b.flight()}).mismatches.empty());
  a.does(0, "all_reduce", "waited_for");
  const FlightComparison late = compare_flights({a.flight(), b.flight()});
  REQUIRE(late.mismatches.size() == 1);
  const FlightMismatch& m = late.mismatches[0];
  CHECK((m.kind == Kind::missing && m.group == "tp" && m.operation == "all_reduce" && m.sequence == 17 && m.step == 6 &&
         m.phase == "forward"));
  CHECK(m.late() == std::vector<int>{1});
  CHECK(standings(m) == std::vector{Standing::waits, Standing::not_started});
  CHECK(late.without_record.empty());

  b.does(0, "all_gather", "waited_for");
  const FlightMismatch other = compare_flights({a.flight(), b.flight()}).mismatches.at(0);
  CHECK((other.kind == Kind::different && other.sequence == 17 && other.late().empty()));
  CHECK((other.ranks[0].operation->operation == "all_reduce" && other.ranks[1].operation->operation == "all_gather"));
}

TEST_CASE("flight_comparison: dtype and sizes differ, but those of an all_to_all are each rank's own") {
  const auto second = [](const std::string& operation, std::int64_t elements, const std::string& dtype,
                         std::vector<std::int64_t> shape = {}) {
    Rank a(0), b(1);
    for (Rank* rank : {&a, &b}) rank->group("cp", {0, 1});
    a.does(0, operation, "completed", 8);
    b.does(0, operation, "completed", elements, -1, dtype);
    a.flight().operations[0].shape = {2, 4};
    b.flight().operations[0].shape = std::move(shape);
    return compare_flights({a.flight(), b.flight()}).mismatches;
  };
  CHECK(second("all_reduce", 8, "float64").empty());
  CHECK(second("all_reduce", 8, "float64", {2, 4}).empty());
  CHECK(second("all_reduce", 9, "float64").at(0).kind == Kind::different);
  CHECK(second("all_reduce", 8, "float32").at(0).kind == Kind::different);
  CHECK(second("all_reduce", 8, "float64", {4, 2}).at(0).kind == Kind::different);
  CHECK(second("all_to_all", 9, "float64", {9}).empty());
  CHECK(second("all_to_all", 9, "bfloat16").at(0).kind == Kind::different);
}

TEST_CASE("flight_comparison: a rank without a record is late, and the operation that was due first comes first") {
  // dp = 2, tp = 2: rank 3 was killed in the forward. Rank 2 misses it there, rank 1 in the sum of gradients, rank 0 waits for rank 2.
  Rank zero(0, "backward"), one(1, "backward"), two(2);
  zero.does(zero.group("dp", {0, 2}), "all_reduce", "waited_for");
  one.does(one.group("dp'", {1, 3}), "all_reduce", "waited_for");
  two.group("dp", {0, 2});
  two.does(two.group("tp", {2, 3}), "all_reduce", "waited_for");
  const FlightComparison found = compare_flights({zero.flight(), one.flight(), two.flight()});
  CHECK(found.without_record == std::vector<int>{3});
  REQUIRE(found.mismatches.size() == 3);
  CHECK((found.mismatches[0].group == "tp" && found.mismatches[0].late() == std::vector<int>{3}));
  CHECK(standings(found.mismatches[0]) == std::vector{Standing::waits, Standing::no_record});
  CHECK((found.mismatches[1].group == "dp'" && found.mismatches[1].late() == std::vector<int>{3}));
  // Only a consequence: rank 2, which is late there, waits itself.
  CHECK((found.mismatches[2].group == "dp" && found.mismatches[2].late() == std::vector<int>{2}));
}

TEST_CASE("flight_comparison: a rank that hangs is the cause, though others are late before it is missed") {
  Rank busy(0, "update"), waiting(1, "backward"), last(2, "forward");
  busy.group("control", {0, 1, 2});
  waiting.does(waiting.group("control", {0, 1, 2}), "all_reduce", "waited_for");
  last.group("control", {0, 1, 2});
  last.does(last.group("data", {1, 2}), "broadcast", "waited_for");
  waiting.group("data", {1, 2});
  const FlightComparison found = compare_flights({busy.flight(), waiting.flight(), last.flight()});
  REQUIRE(found.mismatches.size() == 2);
  CHECK((found.mismatches[0].group == "control" && found.mismatches[0].late() == std::vector<int>{0, 2}));
  CHECK((found.mismatches[1].group == "data" && found.mismatches[1].late() == std::vector<int>{1}));
}

TEST_CASE("flight_comparison: a rank that has not noticed that its operation is over is late for the next one") {
  // Both have started the first exchange, rank 0 has finished it and waits in the second; rank 1 was stopped in the first.
  Rank a(0), b(1), other(2);
  for (Rank* rank : {&a, &b}) rank->group("cp", {0, 1});
  a.does(0, "all_to_all").does(0, "all_to_all", "waited_for");
  b.does(0, "all_to_all", "waited_for");
  other.does(other.group("dp", {0, 2}), "all_reduce", "waited_for");
  a.group("dp", {0, 2});
  const FlightComparison found = compare_flights({a.flight(), b.flight(), other.flight()});
  REQUIRE(found.mismatches.size() == 2);
  const FlightMismatch& m = found.mismatches[0];
  CHECK((m.group == "cp" && m.sequence == 1 && m.kind == Kind::missing && m.late() == std::vector<int>{1}));
  CHECK((found.mismatches[1].group == "dp" && found.mismatches[1].late() == std::vector<int>{0}));
}

TEST_CASE("flight_comparison: messages are matched by number between two ranks and in one direction") {
  Rank sender(0), receiver(1);
  for (Rank* rank : {&sender, &receiver}) rank->group("pp", {0, 1});
  sender.does(0, "send", "completed", 8, 1).does(0, "recv", "waited_for", 8, 1);
  receiver.does(0, "recv", "completed", 8, 0).does(0, "recv", "waited_for", 8, 0);
  const FlightComparison found = compare_flights({sender.flight(), receiver.flight()});
  REQUIRE(found.mismatches.size() == 2);
  for (const FlightMismatch& m : found.mismatches)
    CHECK((m.message && m.kind == Kind::missing && m.operation == "recv" && m.ranks.size() == 2));
  const FlightMismatch& forward = found.mismatches[found.mismatches[0].ranks[0].rank == 0 ? 0 : 1];
  CHECK((forward.sequence == 1 && standings(forward) == std::vector{Standing::not_started, Standing::waits}));
  const FlightMismatch& back = found.mismatches[found.mismatches[0].ranks[0].rank == 0 ? 1 : 0];
  CHECK((back.sequence == 0 && back.ranks[0].rank == 1 && standings(back) == std::vector{Standing::not_started, Standing::waits}));

  Rank longer(0);
  longer.group("pp", {0, 1});
  longer.does(0, "send", "completed", 9, 1);
  const FlightMismatch sizes = compare_flights({longer.flight(), receiver.flight()}).mismatches.at(0);
  CHECK((sizes.kind == Kind::different && sizes.sequence == 0 && sizes.ranks[0].operation->elements == 9));
}

TEST_CASE("flight_comparison: what nobody waits for is no mismatch, what all have started comes last") {
  Rank a(0), b(1);
  for (Rank* rank : {&a, &b}) {
    rank->group("data", {0, 1});
    rank->group("tp", {0, 1});
  }
  a.does(0, "broadcast", "started");  // posted ahead
  CHECK(compare_flights({a.flight(), b.flight()}).mismatches.empty());
  a.does(1, "all_reduce", "waited_for");
  b.does(1, "all_reduce", "started");
  const FlightMismatch both = compare_flights({a.flight(), b.flight()}).mismatches.at(0);
  CHECK((both.kind == Kind::unfinished && standings(both) == std::vector{Standing::waits, Standing::under_way}));
}

TEST_CASE("flight_comparison: what a record no longer holds was done") {
  Rank a(0), b(1);
  for (Rank* rank : {&a, &b}) rank->group("tp", {0, 1});
  a.does(0, "all_reduce", "waited_for");
  b.flight().groups[0].collectives = 5000;
  CHECK(standings(compare_flights({a.flight(), b.flight()}).mismatches.at(0)) == std::vector{Standing::waits, Standing::done});
}

}  // namespace ergon
