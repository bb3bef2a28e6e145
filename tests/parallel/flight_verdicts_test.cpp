// SPDX-License-Identifier: Apache-2.0
#include "parallel/flight_verdicts.hpp"

#include "parallel/flight_comparison.hpp"
#include "tests/parallel/recorded_rank.hpp"

#include "tests/support/catch.hpp"

namespace ergon {
namespace {

using Rank = test::RecordedRank;
using Flights = std::vector<ReadFlight>;

FlightMismatch first_mismatch(const Flights& flights) { return compare_flights(flights).mismatches.at(0); }

// Ranks 0 and 1 of tp, 1 and 2 of dp. Rank 1 was stopped before operation 17 of tp, where rank 0 waits; rank 2 waits in operation 3 of dp.
struct Stopped {
  Rank zero{0}, one{1}, two{2};
  Stopped() {
    for (Rank* rank : {&zero, &one}) {
      rank->group("tp", {0, 1});
      for (int i = 0; i < 17; ++i) rank->does(0, "all_reduce");
    }
    zero.does(0, "all_reduce", "waited_for");
    one.group("dp", {1, 2});
    two.group("dp", {1, 2});
    for (Rank* rank : {&one, &two})
      for (int i = 0; i < 3; ++i) rank->does(rank == &one ? 1 : 0, "all_reduce");
    two.in("backward").does(0, "all_reduce", "waited_for");
    zero.flight().found = ReadVerdict{{1}, 0, "tp", "all_reduce", -1, 17};
  }
  Flights flights() { return {zero.flight(), one.flight(), two.flight()}; }
};

}  // namespace

TEST_CASE("flight_verdicts: the example of the header: what a rank did once it was woken up does not count") {
  Stopped s;
  const Flights before = s.flights();
  s.one.does(0, "all_reduce").in("backward").does(1, "all_reduce").does(1, "all_reduce", "waited_for");
  // As they are, rank 2 is to blame, which does not come to the operation that rank 1 waits in.
  CHECK((first_mismatch(s.flights()).group == "dp" && first_mismatch(s.flights()).late() == std::vector<int>{2}));

  const Flights seen = as_verdicts_saw(s.flights());
  const FlightMismatch m = first_mismatch(seen);
  CHECK((m.group == "tp" && m.sequence == 17 && m.kind == FlightMismatch::Kind::missing && m.late() == std::vector<int>{1}));
  CHECK((seen[1].groups[0].collectives == 17 && seen[1].groups[1].collectives == 3));
  CHECK((seen[1].operations.size() == before[1].operations.size() && seen[1].waits() == nullptr));
  CHECK((seen[1].step == 6 && seen[1].phase == "forward"));  // in which it came to the operation
  CHECK((seen[2].operations.size() == 4 && seen[0].operations.size() == 18));
}

TEST_CASE("flight_verdicts: who missed it still waits, whatever came of it later") {
  Stopped s;
  s.one.does(0, "all_reduce");
  s.zero.flight().operations.back().state = "completed";
  const FlightMismatch m = first_mismatch(as_verdicts_saw(s.flights()));
  CHECK((m.group == "tp" && m.late() == std::vector<int>{1} && m.ranks[0].standing == FlightStanding::waits));
}

TEST_CASE("flight_verdicts: without one of an operation records stay as they are, and so do those of ranks that it does not name") {
  Stopped s;
  s.one.does(0, "all_reduce").does(1, "all_reduce", "waited_for");
  const auto unchanged = [&] {
    const Flights given = s.flights(), seen = as_verdicts_saw(given);
    for (std::size_t i = 0; i < given.size(); ++i)
      if (seen[i].operations.size() != given[i].operations.size() || seen[i].groups[0].collectives != given[i].groups[0].collectives)
        return false;
    return seen[1].waits() != nullptr;
  };
  CHECK_FALSE(unchanged());
  s.zero.flight().found->missing = {3};  // has left no record
  CHECK(unchanged());
  s.zero.flight().found = ReadVerdict{{1}, 0, "tp", "all_reduce", -1, 40};  // which rank 1 never came to
  CHECK(unchanged());
  s.zero.flight().found.reset();
  CHECK(unchanged());
}

TEST_CASE("flight_verdicts: a message is cut on the side of the rank that is missing, by its number in that direction") {
  Rank first(0), last(1);
  for (Rank* rank : {&first, &last}) rank->group("pp", {0, 1});
  first.does(0, "send", "completed", 8, 1).does(0, "send", "completed", 8, 1).does(0, "recv", "waited_for", 8, 1);
  last.does(0, "recv", "completed", 8, 0).does(0, "recv", "completed", 8, 0);
  first.flight().found = ReadVerdict{{1}, 0, "pp", "recv", 1, 0};
  const Flights asleep = as_verdicts_saw({first.flight(), last.flight()});
  CHECK(asleep[1].operations.size() == 2);
  last.does(0, "send", "completed", 8, 0).does(0, "recv", "waited_for", 8, 0);  // woken up; receive 0 was long done
  const Flights seen = as_verdicts_saw({first.flight(), last.flight()});
  CHECK((seen[1].operations.size() == 2 && seen[1].groups[0].sent == std::vector<std::int64_t>{0, 0}));
  CHECK(seen[1].groups[0].asked == std::vector<std::int64_t>{2, 0});
  const FlightMismatch m = first_mismatch(seen);
  CHECK((m.message && m.operation == "recv" && m.late() == std::vector<int>{1}));

  // Seen from the other side: rank 1 waits for a message that rank 0 has sent since.
  Rank sender(0), receiver(1);
  for (Rank* rank : {&sender, &receiver}) rank->group("pp", {0, 1});
  receiver.does(0, "recv", "waited_for", 8, 0);
  receiver.flight().found = ReadVerdict{{0}, 1, "pp", "recv", 0, 0};
  sender.does(0, "recv", "under_way", 8, 1).does(0, "send", "completed", 8, 1);
  const Flights sent = as_verdicts_saw({sender.flight(), receiver.flight()});
  CHECK((sent[0].operations.size() == 1 && sent[0].groups[0].asked == std::vector<std::int64_t>{0, 1} &&
         sent[0].groups[0].sent == std::vector<std::int64_t>{0, 0}));
}

TEST_CASE("flight_verdicts: of two verdicts about a rank the earlier operation holds, and records without counts of messages are cut too") {
  Stopped s;
  s.one.does(0, "all_reduce").does(1, "all_reduce", "waited_for");
  s.two.flight().found = ReadVerdict{{1}, 2, "dp", "all_reduce", -1, 3};
  CHECK(as_verdicts_saw(s.flights())[1].operations.size() == 20);
  Rank a(0), b(1);
  for (Rank* rank : {&a, &b}) rank->group("pp", {0, 1});
  a.does(0, "recv", "waited_for", 8, 1);
  b.does(0, "send", "completed", 8, 0);
  b.flight().groups[0].sent.clear();
  a.flight().found = ReadVerdict{{1}, 0, "pp", "recv", 1, 0};
  CHECK(as_verdicts_saw({a.flight(), b.flight()})[1].operations.empty());
}

}  // namespace ergon
