// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/allocation.hpp"

#include "tests/accounting/ledgers.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;

namespace {

// An attempt of 4 ranks (tests/accounting/ledgers.hpp) that stamps what it holds.
AttemptStart stamped(std::int64_t attempt, std::int64_t parent, std::int64_t step, AllocationStamp stamp) {
  AttemptStart start = attempt_start(attempt, parent, step);
  start.allocation = std::move(stamp);
  return start;
}

// A step takes 0.5 s and waits 0.25 s for data; then 0.125 s of evaluation, and what is given here.
Interval timed(std::int64_t attempt, std::int64_t from, std::int64_t to, double closed, double startup = 0, double checkpoint = 0) {
  Interval line = interval(attempt, from, to);
  line.seconds.startup = {startup};
  line.seconds.checkpoint = {checkpoint};
  line.closed = {closed};
  return line;
}

RunAllocation of(const std::vector<LedgerLine>& lines, const std::vector<EndCause>& ends, const std::vector<JobRecord>& records = {}) {
  return allocate(summarise({lines, 0, false}, "ledger"), ends, records);
}

void check_adds_up(const RunAllocation& allocation) {
  const auto sum = [](const DeviceSeconds& s) {
    return (s.useful + s.lost + s.data_wait + s.evaluation + s.checkpoint + s.startup + s.idle + s.unknown).value;
  };
  CHECK(sum(allocation.total) == Approx(allocation.total.allocated.value).epsilon(1e-12));
  for (const AttemptAllocation& attempt : allocation.attempts) {
    CHECK(sum(attempt.seconds) == Approx(attempt.seconds.allocated.value).epsilon(1e-12));
    CHECK(attempt.seconds.unknown.value >= 0);
  }
}

const AllocationStamp alone{{1000}, 4, "", 0, {}, {}};

// Attempt 1: job 7, steps 1 to 80, killed; attempt 2: the job requeued, from the checkpoint of step 50, 6 places of which 2 stay idle.
std::vector<LedgerLine> requeued() {
  return {stamped(1, 0, 0, {{1010}, 4, "7", 0, {900}, {1000}}), timed(1, 0, 50, 1060, 5, 1), timed(1, 50, 80, 1090),
          stamped(2, 1, 50, {{1220}, 6, "7", 1, {1110}, {1210}}), timed(2, 50, 90, 1270, 4, 2)};
}

}  // namespace

TEST_CASE("allocation: by hand, of one attempt that stamps its start and its end") {
  // 10 steps on 4 ranks, 6 places, from 1000 to 1020: 120 s of places. Of 4 x 20 s: 20 of steps, 10 of waiting, 0.5 of evaluation, 8 of
  // start-up, 4 of saving; the rest, 37.5, is in no line.
  AllocationStamp six = alone;
  six.places = 6;
  const RunAllocation all = of({stamped(1, 0, 0, six), timed(1, 0, 10, 1020, 2, 1)}, {EndCause::finished});
  const DeviceSeconds& s = all.total;
  CHECK(s.allocated.value == 120);
  CHECK(s.idle.value == 40);
  CHECK(s.useful.value == 20);
  CHECK(s.data_wait.value == 10);
  CHECK(s.lost.value == 0);
  CHECK(s.evaluation.value == 0.5);
  CHECK(s.startup.value == 8);
  CHECK(s.checkpoint.value == 4);
  CHECK(s.unknown.value == 37.5);
  CHECK(all.goodput_of_time().value() == Approx(20.0 / 120));
  CHECK((all.attempts[0].source == AllocationSource::stamps && !all.at_least && !all.queue_wait && all.restarts.empty()));
  check_adds_up(all);
}

TEST_CASE("allocation: a killed attempt holds its places at least to its last line, and what a later attempt booked for it follows") {
  Interval recovered = timed(1, 10, 14, 0);
  const RunAllocation all =
      of({stamped(1, 0, 0, alone), timed(1, 0, 10, 1020), recovered, stamped(2, 1, 10, {{2000}, 4, "", 0, {}, {}}), timed(2, 10, 20, 2010)},
         {EndCause::died, EndCause::finished});
  CHECK(all.attempts[0].held.value == 20 + 4 * 0.75 + 0.125);
  CHECK((all.attempts[0].at_least && !all.attempts[1].at_least && all.at_least));
  CHECK(all.attempts[0].seconds.lost.value == 4 * 4 * 0.75);
  CHECK(all.attempts[0].seconds.useful.value == 4 * 10 * 0.5);
  CHECK(all.restarts == std::map<EndCause, std::int64_t>{{EndCause::died, 1}});
  check_adds_up(all);
  for (const EndCause unsure : {EndCause::failed, EndCause::stuck, EndCause::open})
    CHECK(of({stamped(1, 0, 0, alone), timed(1, 0, 10, 1020)}, {unsure}).at_least);
  CHECK_FALSE(of({stamped(1, 0, 0, alone), timed(1, 0, 10, 1020)}, {EndCause::returned}).at_least);
}

TEST_CASE("allocation: stamps of a job reach back to its start, and know how long it waited") {
  const RunAllocation all = of(requeued(), {EndCause::died, EndCause::finished});
  CHECK(all.attempts[0].held.value == 90);                 // 1000 to 1090
  CHECK(all.attempts[0].queue_wait.value().value == 100);  // 900 to 1000
  CHECK(all.attempts[1].held.value == 60);                 // 1210 to 1270
  CHECK(all.attempts[1].queue_wait.value().value == 100);  // the requeue, 1110, to 1210
  CHECK(all.queue_wait.value().value == 200);
  CHECK(all.total.allocated.value == 4 * 90 + 6 * 60);
  CHECK(all.total.idle.value == 2 * 60);
  check_adds_up(all);
}

TEST_CASE("allocation: Slurm's accounts know the end too, and why") {
  const std::vector<JobRecord> records = {
      {"8", "COMPLETED", {1}, {2}, {3}}, {"7", "NODE_FAIL", {900}, {1000}, {1100}}, {"7", "COMPLETED", {1100}, {1210}, {1280}}};
  const RunAllocation all = of(requeued(), {EndCause::died, EndCause::finished}, records);
  CHECK((all.attempts[0].held.value == 100 && all.attempts[1].held.value == 70));
  CHECK((all.attempts[0].end == EndCause::node_failed && !all.at_least));
  CHECK(all.attempts[1].source == AllocationSource::sacct);
  CHECK(all.queue_wait.value().value == 100 + 110);
  CHECK(all.restarts == std::map<EndCause, std::int64_t>{{EndCause::node_failed, 1}});
  check_adds_up(all);
  // One that still runs is known up to its last line.
  const RunAllocation running = of(requeued(), {EndCause::died, EndCause::open}, {records[1], {"7", "RUNNING", {1100}, {1210}, {0}}});
  CHECK((running.attempts[1].held.value == 60 && running.attempts[1].at_least && !running.attempts[0].at_least));
}

TEST_CASE("allocation: a start of a job that came to no attempt is unknown time by the accounts, and makes stamps say at least") {
  auto lines = requeued();
  std::get<AttemptStart>(lines[3]).allocation->restarts = 3;
  const JobRecord first{"7", "NODE_FAIL", {900}, {1000}, {1100}}, last{"7", "COMPLETED", {1150}, {1210}, {1280}};
  const JobRecord failed{"7", "FAILED", {1100}, {1110}, {1130}}, cancelled{"7", "CANCELLED", {1130}, {1140}, {1140}},
      other{"8", "FAILED", {1}, {2}, {3}};
  const RunAllocation all = of(lines, {EndCause::died, EndCause::finished}, {first, failed, cancelled, other, last});
  CHECK((all.silent_starts == 1 && all.uncounted_starts == 0 && !all.at_least));
  CHECK(all.total.allocated.value == 4 * 100 + 6 * 20 + 6 * 70);  // as many places as the attempt behind it has
  const RunAllocation without = of(lines, {EndCause::died, EndCause::finished}, {first, last});
  CHECK(all.total.unknown.value - without.total.unknown.value == Approx(6 * 20));
  const RunAllocation behind = of(lines, {EndCause::died, EndCause::finished}, {first, last, {"7", "RUNNING", {1290}, {1300}, {0}}});
  CHECK((behind.silent_starts == 1 && behind.at_least));  // it may yet begin one
  const RunAllocation stamps = of(lines, {EndCause::finished, EndCause::finished});
  CHECK((stamps.uncounted_starts == 2 && stamps.silent_starts == 0 && stamps.at_least));
  CHECK((of(requeued(), {EndCause::finished, EndCause::finished}).uncounted_starts == 0));
}

TEST_CASE("allocation: who waits while the attempt before still runs does not wait for the queue") {
  auto lines = requeued();
  std::get<AttemptStart>(lines[3]).allocation->job_submitted = {900};  // a chain: both were submitted at once
  CHECK(of(lines, {EndCause::died, EndCause::finished}).attempts[1].queue_wait.value().value == 1210 - 1090);
}

TEST_CASE("allocation: attempts that share the start of a job divide it where the next one begins") {
  auto lines = requeued();
  std::get<AttemptStart>(lines[3]).allocation = AllocationStamp{{1120}, 4, "7", 0, {900}, {1000}};
  std::get<Interval>(lines[4]).closed = {1170};
  const RunAllocation stamps = of(lines, {EndCause::died, EndCause::finished});
  CHECK((stamps.attempts[0].held.value == 120 && stamps.attempts[1].held.value == 50 && !stamps.at_least));
  CHECK_FALSE(stamps.attempts[1].queue_wait);
  const RunAllocation accounts = of(lines, {EndCause::died, EndCause::finished}, {{"7", "CANCELLED by 0", {900}, {1000}, {1200}}});
  CHECK((accounts.attempts[0].held.value == 120 && accounts.attempts[1].held.value == 80));
  CHECK((accounts.attempts[0].end == EndCause::died && accounts.attempts[1].end == EndCause::finished));
  check_adds_up(accounts);
}

TEST_CASE("allocation: one that went back by itself ends where the next one begins") {
  const RunAllocation all = of({stamped(1, 0, 0, alone), timed(1, 0, 10, 1020), timed(1, 10, 12, 1022), Abandon{1, 10},
                                stamped(2, 1, 10, {{1024}, 4, "", 0, {}, {}}), timed(2, 10, 20, 1040)},
                               {EndCause::returned, EndCause::finished});
  CHECK((all.attempts[0].held.value == 24 && all.attempts[1].held.value == 16));
  CHECK(all.restarts == std::map<EndCause, std::int64_t>{{EndCause::returned, 1}});
}

TEST_CASE("allocation: a ledger without stamps holds what it books, and no clock makes that less") {
  const RunAllocation old = of({attempt_start(1), timed(1, 0, 10, 0)}, {EndCause::finished});
  CHECK(old.total.allocated.value == 4 * (10 * 0.75 + 0.125));
  CHECK((old.attempts[0].source == AllocationSource::booked && old.at_least && old.total.unknown.value == 0));
  CHECK_FALSE(of({attempt_start(1)}, {EndCause::open}).goodput_of_time());
  const RunAllocation set_back = of({stamped(1, 0, 0, alone), timed(1, 0, 10, 1001)}, {EndCause::finished});
  CHECK(set_back.attempts[0].held.value == 10 * 0.75 + 0.125);
  check_adds_up(set_back);
}

TEST_CASE("allocation: each source has its name") {
  CHECK(std::string(name(AllocationSource::booked)) == "booked");
  CHECK(std::string(name(AllocationSource::stamps)) == "stamps");
  CHECK(std::string(name(AllocationSource::sacct)) == "sacct");
}
