// SPDX-License-Identifier: Apache-2.0
#include "parallel/flight_record.hpp"

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

#include "parallel/communicator_local.hpp"

#include "tests/support/catch.hpp"

namespace {
thread_local bool counting = false;
thread_local int allocations = 0;
}  // namespace

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  if (counting) ++allocations;
  return std::malloc(size);
}
void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace ergon {
namespace {

std::string error_text(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("flight_record: an operation from its opening to its end") {
  FlightRecord record(3);
  const int tp = record.add_group("tp", {2, 3});
  record.enter(FlightPhase::step, 12);
  const std::uint64_t id = record.open(tp, Collective::all_reduce, at::kDouble, 64);
  CHECK(record.entries().at(0).state == FlightState::created);
  CHECK_FALSE(record.position().waits.has_value());
  record.started(id);
  record.waited_for(id);
  const FlightRecord::Position position = record.position();
  REQUIRE(position.waits.has_value());
  CHECK(position.waits->operation == Collective::all_reduce);
  CHECK(position.waits->elements == 64);
  CHECK(position.waits->step == 12);
  CHECK(position.waits->phase == FlightPhase::step);
  CHECK(record.under_way(id));
  record.close(id);
  CHECK_FALSE(record.under_way(id));
  CHECK_FALSE(record.position().waits.has_value());
  const FlightEntry entry = record.entries().at(0);
  CHECK(entry.state == FlightState::completed);
  CHECK(entry.created <= entry.started);
  CHECK(entry.started <= entry.completed);
}

TEST_CASE("flight_record: an operation keeps the part of the step that it began in; a new phase has none") {
  FlightRecord record(3);
  const int tp = record.add_group("tp", {2, 3});
  record.enter(FlightPhase::step, 12);
  record.enter(FlightPart::forward);
  const std::uint64_t id = record.open(tp, Collective::all_reduce, at::kDouble, 64);
  record.enter(FlightPart::backward);
  CHECK(record.entries().at(0).part == FlightPart::forward);
  CHECK((record.position().part == FlightPart::backward && record.position().step == 12));
  record.close(id);
  record.enter(FlightPhase::checkpoint, 12);
  CHECK(record.position().part == FlightPart::none);
}

TEST_CASE("flight_record: collectives have one count a group and messages one per peer and direction") {
  FlightRecord record(0);
  const int world = record.add_group("world", {0, 1, 2}), tp = record.add_group("tp", {0, 1});
  const auto open = [&](int group, Collective operation, int peer = -1) {
    const std::uint64_t id = record.open(group, operation, at::kByte, 1, peer);
    const std::uint64_t sequence = record.entries().back().sequence;
    record.close(id);
    return sequence;
  };
  CHECK(open(world, Collective::barrier) == 0);
  CHECK(open(tp, Collective::barrier) == 0);
  CHECK(open(world, Collective::send, 1) == 0);
  CHECK(open(world, Collective::send, 1) == 1);
  CHECK(open(world, Collective::send, 2) == 0);
  CHECK(open(world, Collective::recv, 1) == 0);
  CHECK(open(world, Collective::all_gather) == 1);
  CHECK(record.group(world).collectives == 2);
  CHECK(record.group(world).sent == std::vector<std::uint64_t>{0, 2, 1});
  CHECK(record.group(world).asked == std::vector<std::uint64_t>{0, 1, 0});
}

TEST_CASE("flight_record: groups are told apart by name, members and order of making") {
  FlightRecord record(0);
  record.add_group("data", {0, 1, 2, 5});
  record.add_group("data", {0, 2, 4});
  record.add_group("data", {0, 1, 2, 5});
  const std::vector<FlightGroup> groups = record.groups();
  CHECK(groups[0].key() == "data#0:0-2,5");
  CHECK(groups[1].key() == "data#0:0,2,4");
  CHECK(groups[2].key() == "data#1:0-2,5");
}

TEST_CASE("flight_record: the ring forgets what is old and never what is under way") {
  FlightRecord record(0);
  const int world = record.add_group("world", {0, 1});
  const std::uint64_t stuck = record.open(world, Collective::broadcast, at::kLong, 7);
  record.waited_for(stuck);
  for (std::size_t i = 0; i < 3 * FlightRecord::capacity; ++i) record.close(record.open(world, Collective::barrier, at::kByte, 0));
  const std::vector<FlightEntry> entries = record.entries();
  REQUIRE(entries.size() == FlightRecord::capacity);
  CHECK(entries.front().id == stuck);
  CHECK(entries.back().id == 3 * FlightRecord::capacity + 1);
  CHECK(entries[1].id == entries.back().id - FlightRecord::capacity + 2);
  CHECK(record.position().waits->elements == 7);
  CHECK(record.position().newest->id == entries.back().id);
}

TEST_CASE("flight_record: an operation allocates nothing") {
  FlightRecord record(0);
  const int world = record.add_group("world", {0, 1});
  allocations = 0;
  counting = true;
  for (std::size_t i = 0; i < 2 * FlightRecord::capacity; ++i) {
    const std::uint64_t id = record.open(world, Collective::all_reduce, at::kFloat, 8);
    record.started(id);
    record.waited_for(id);
    record.close(id);
  }
  counting = false;
  CHECK(allocations == 0);
}

TEST_CASE("flight_record: communicators feed it, groups split from them too") {
  std::vector<std::shared_ptr<FlightRecord>> records;
  for (int rank = 0; rank < 3; ++rank) records.push_back(std::make_shared<FlightRecord>(rank));
  run_local_ranks(3, [&](std::unique_ptr<Communicator> world) {
    world->record(records[static_cast<std::size_t>(world->rank())]);
    const auto pair = world->split(world->rank() == 1 ? 1 : 0, -world->rank(), "pair");
    at::Tensor data = at::ones({5}, at::kDouble), half = at::ones({5}, at::kBFloat16);
    pair->all_reduce(data).wait();
    pair->all_reduce(half).wait();
    if (pair->size() == 2) pair->rank() == 0 ? pair->send(data, 1).wait() : pair->recv(data, 0).wait();
    world->barrier().wait();
  });
  const std::vector<FlightEntry> entries = records[2]->entries();
  REQUIRE(entries.size() == 5);
  CHECK(records[2]->groups()[1].members == std::vector<int>{2, 0});
  const Collective expected[] = {Collective::split, Collective::all_reduce, Collective::all_reduce, Collective::send, Collective::barrier};
  for (std::size_t i = 0; i < entries.size(); ++i) {
    CHECK(entries[i].operation == expected[i]);
    CHECK(entries[i].state == FlightState::completed);
  }
  CHECK(entries[1].elements == 5);
  CHECK(entries[1].dtype == at::kDouble);
  CHECK(entries[2].dtype == at::kBFloat16);  // the exchange inside the sum is not an operation of its own
  CHECK(entries[3].peer == 1);
  CHECK(records[1]->groups().size() == 1);  // a group of one rank waits for nobody
  CHECK(records[1]->entries().size() == 2);
}

TEST_CASE("flight_record: giving up ends every wait, in operations and in split") {
  const Error why("rank 1 is missing", "rank 0", "run it again", ExitCode::stuck);
  for (const bool in_split : {false, true}) {
    auto ranks = make_local_group(2);
    const auto record = std::make_shared<FlightRecord>(0);
    ranks[0]->record(record);
    std::string text;
    std::thread waiting([&] {
      text = error_text([&] {
        if (in_split)
          ranks[0]->split(0, 0, "part");
        else
          ranks[0]->barrier().wait();
      });
    });
    while (!record->position().waits) std::this_thread::yield();
    CHECK(record->position().waits->operation == (in_split ? Collective::split : Collective::barrier));
    record->give_up(why);
    record->give_up(Error("another", "", ""));
    waiting.join();
    CHECK(text == why.what());
  }
}

TEST_CASE("flight_record: a wait with a limit") {
  auto ranks = make_local_group(2);
  Work work = ranks[0]->barrier();
  CHECK_FALSE(work.wait_for(Seconds{0.02}));
  Work other = ranks[1]->barrier();
  CHECK(work.wait_for(Seconds{10}));
  CHECK(Work().wait_for(Seconds{0}));
}

TEST_CASE("flight_record: an operation that does not start is marked and forgotten") {
  auto ranks = make_local_group(2);
  const auto record = std::make_shared<FlightRecord>(0);
  ranks[0]->record(record);
  at::Tensor data = at::ones({2}, at::kDouble);
  CHECK_THROWS_AS(ranks[0]->send(data, 7), Error);
  CHECK(record->entries().empty());
}

TEST_CASE("flight_record: names") {
  CHECK(std::string(name(FlightPhase::checkpoint)) == "checkpoint");
  CHECK(std::string(name(FlightPhase::step, FlightPart::none)) == "step");
  CHECK(std::string(name(FlightPhase::start, FlightPart::forward)) == "forward");
  CHECK(std::string(name(FlightPhase::step, FlightPart::update)) == "update");
  CHECK(std::string(name(FlightState::waited_for)) == "waited_for");
  CHECK(std::string(dtype_name(at::kBFloat16)) == "bfloat16");
  CHECK(std::string(name(Collective::split)) == "split");
}

}  // namespace ergon
