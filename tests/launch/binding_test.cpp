// SPDX-License-Identifier: Apache-2.0
#include "launch/binding.hpp"

#include <sched.h>

#include <set>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

// Two domains of two cores; the second half of the numbers are the siblings of the first, as many machines number them.
const AllowedCores machine = {{{{0, 4}, {1, 5}}, {{2, 6}, {3, 7}}}};

}  // namespace

TEST_CASE("binding: ranks of a node share its processors, each in as few domains as can be") {
  CHECK(processors_of_rank(machine, {0, 2}, Binding::core) == std::vector<int>{0, 1, 4, 5});
  CHECK(processors_of_rank(machine, {1, 2}, Binding::automatic) == std::vector<int>{2, 3, 6, 7});
  CHECK(processors_of_rank(machine, {1, 4}, Binding::automatic) == std::vector<int>{1, 5});  // a core, and not halves of two
  CHECK(processors_of_rank(machine, {2, 4}, Binding::numa) == std::vector<int>{2, 3, 6, 7});
  CHECK(processors_of_rank(machine, {1, 3}, Binding::core) == std::vector<int>{1, 5});
  CHECK(processors_of_rank(machine, {1, 8}, Binding::core) == std::vector<int>{4});
  CHECK(processors_of_rank({{{{1, 5}}, {{2, 6}}}}, {1, 2}, Binding::automatic) == std::vector<int>{2, 6});  // what a control group leaves
  for (int size : {1, 2, 3, 4, 5, 8}) {
    std::multiset<int> taken;
    for (int rank = 0; rank < size; ++rank)
      for (int processor : processors_of_rank(machine, {rank, size}, Binding::core)) taken.insert(processor);
    CHECK(taken == std::multiset<int>{0, 1, 2, 3, 4, 5, 6, 7});  // each of them, by one rank
  }
}

TEST_CASE("binding: automatic leaves alone what is bound, alone, or would queue on one processor") {
  CHECK(processors_of_rank(machine, {0, 1}, Binding::automatic).empty());
  CHECK(processors_of_rank(machine, {0, 5}, Binding::automatic).empty());
  CHECK(processors_of_rank(machine, {0, 2, /*same_processors=*/false}, Binding::automatic).empty());
  CHECK(processors_of_rank({{{{0, 4}, {1}}}}, {0, 2}, Binding::automatic).empty());  // the other one would have one only
  CHECK(processors_of_rank(machine, {0, 2}, Binding::none).empty());
}

TEST_CASE("binding: more ranks than processors cannot have one each") {
  try {
    processors_of_rank(machine, {0, 9}, Binding::core);
    FAIL("not refused");
  } catch (const Error& error) {
    CHECK(error.problem() == "launch.bind = \"core\" wants a processor for each of 9 ranks, and 8 are allowed here");
    CHECK(error.code() == ExitCode::world);
  }
}

TEST_CASE("binding: this process is bound to its share") {
  cpu_set_t before;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  if (CPU_COUNT(&before) >= 2) {
    CHECK(bind_rank({0, 2}, Binding::core).starts_with("processors "));
    cpu_set_t now;
    REQUIRE(sched_getaffinity(0, sizeof now, &now) == 0);
    CHECK(CPU_COUNT(&now) < CPU_COUNT(&before));  // of an odd number of cores not the half
    REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
  }
  CHECK(bind_rank({0, 2}, Binding::none).empty());
  CHECK(bind_rank({0, 1}, Binding::automatic).empty());
}

TEST_CASE("binding: ranges of processors as text") {
  CHECK(processor_ranges({0, 1, 2, 5}) == "0-2,5");
  CHECK(processor_ranges({3}) == "3");
  CHECK(processor_ranges({}).empty());
}
