// SPDX-License-Identifier: Apache-2.0
#include "configs/clock.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("seconds and the clock's ticks turn into each other") {
  const Clock::time_point start;
  CHECK(since(start, start + std::chrono::milliseconds(1500)) == Seconds{1.5});
  CHECK(clock_ticks({1.5}) == std::chrono::milliseconds(1500));
  CHECK(since(start, start + clock_ticks({0.25})) == Seconds{0.25});
  const Clock::time_point before = Clock::now();
  CHECK(since(before).value >= 0);
  CHECK(deadline_after({60}) >= before + std::chrono::seconds(60));
  CHECK(deadline_after({60}) < Clock::now() + std::chrono::seconds(61));
}
