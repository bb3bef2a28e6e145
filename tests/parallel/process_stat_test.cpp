// SPDX-License-Identifier: Apache-2.0
#include "parallel/process_stat.hpp"

#include <unistd.h>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("process_stat: fields are counted behind the name, whatever that holds") {
  const auto stat = parse_process_stat("42 (a) b (c) T 1 2 3 4 5 6 7 8 9 10 300 21 13 14 15 16 17 18 9876 20 55 22\n");
  REQUIRE(stat);
  CHECK(stat->state == 'T');
  CHECK(stat->ticks == 321);
  CHECK(stat->start == 9876);
  CHECK(stat->resident_pages == 55);
  CHECK(is_stopped(*stat));
  CHECK_FALSE(is_dead(*stat));
}

TEST_CASE("process_stat: what is no such line is nothing") {
  CHECK_FALSE(parse_process_stat(""));
  CHECK_FALSE(parse_process_stat("42 (a) T 1 2 3"));
  CHECK_FALSE(parse_process_stat("42 (a) T 1 2 3 4 5 6 7 8 9 10 x 21 13 14 15 16 17 18 9876 20 55"));
  CHECK_FALSE(read_process_stat("/proc/none"));
}

TEST_CASE("process_stat: this process runs and has memory") {
  const auto stat = read_process_stat("/proc/self");
  REQUIRE(stat);
  CHECK(stat->state == 'R');
  CHECK(stat->resident_pages > 0);
  CHECK(stat->start > 0);
}
