// SPDX-License-Identifier: Apache-2.0
#include "trainer/time_limit.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

const TimeLimit::WallClock::time_point start{};

TimeLimit::WallClock::time_point moment(double seconds) {
  return start + std::chrono::duration_cast<TimeLimit::WallClock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

TEST_CASE("time_limit: a run without one goes on") { CHECK_FALSE(TimeLimit(std::nullopt).near(moment(1e9), false)); }

TEST_CASE("time_limit: two saves, two steps and 5 s are kept free; 30 s where no save was seen") {
  TimeLimit limit(moment(1000));
  CHECK_FALSE(limit.near(moment(964.9), false));
  CHECK(limit.near(moment(965.1), false));
  limit.step_took({10});
  CHECK_FALSE(limit.near(moment(944.9), false));
  CHECK(limit.near(moment(945.1), false));
  limit.save_took({100});
  limit.save_took({50});  // the longest counts
  CHECK_FALSE(limit.near(moment(774.9), false));
  CHECK(limit.near(moment(775.1), false));
  CHECK(limit.near(moment(2000), false));
}

TEST_CASE("time_limit: one slow step is forgotten") {
  TimeLimit limit(moment(1000));
  limit.step_took({100});
  CHECK(limit.near(moment(800), false));
  for (int step = 0; step < 200; ++step) limit.step_took({1});
  CHECK_FALSE(limit.near(moment(960), false));
}

TEST_CASE("time_limit: an evaluation that comes first is kept free, as long as the longest") {
  TimeLimit limit(moment(1000));
  limit.evaluation_took({150});
  limit.evaluation_took({20});
  CHECK_FALSE(limit.near(moment(814.9), true));
  CHECK(limit.near(moment(815.1), true));
  CHECK_FALSE(limit.near(moment(964.9), false));
}
