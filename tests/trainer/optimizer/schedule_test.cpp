// SPDX-License-Identifier: Apache-2.0
#include "trainer/optimizer/schedule.hpp"

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {
OptimizerSection section(LrSchedule schedule, std::int64_t decay_steps = 0) {
  OptimizerSection o;
  o.lr = 1.0;
  o.minimum_lr = 0.1;
  o.warmup = 10;
  o.schedule = schedule;
  o.decay_steps = decay_steps;
  return o;
}
}  // namespace

TEST_CASE("warm-up rises in a line to the full rate") {
  for (const LrSchedule schedule : {LrSchedule::cosine, LrSchedule::linear, LrSchedule::constant, LrSchedule::wsd}) {
    CHECK(learning_rate(section(schedule), 110, 1) == Approx(0.1));
    CHECK(learning_rate(section(schedule), 110, 5) == Approx(0.5));
    CHECK(learning_rate(section(schedule), 110, 10) == Approx(1.0));
  }
}

TEST_CASE("each schedule at its ends and in the middle") {
  CHECK(learning_rate(section(LrSchedule::cosine), 110, 60) == Approx(0.55));
  CHECK(learning_rate(section(LrSchedule::cosine), 110, 35) == Approx(0.1 + 0.9 * 0.8535533905932737));
  CHECK(learning_rate(section(LrSchedule::cosine), 110, 110) == Approx(0.1));
  CHECK(learning_rate(section(LrSchedule::linear), 110, 35) == Approx(0.775));
  CHECK(learning_rate(section(LrSchedule::linear), 110, 110) == Approx(0.1));
  CHECK(learning_rate(section(LrSchedule::constant), 110, 110) == 1.0);
  CHECK(learning_rate(section(LrSchedule::wsd), 110, 99) == 1.0);
  CHECK(learning_rate(section(LrSchedule::wsd), 110, 110) == Approx(0.1));
  CHECK(learning_rate(section(LrSchedule::wsd, 20), 110, 90) == 1.0);
  CHECK(learning_rate(section(LrSchedule::wsd, 20), 110, 100) == Approx(0.55));
}

TEST_CASE("decay_steps ends cosine and linear early, and the minimum holds afterwards") {
  CHECK(learning_rate(section(LrSchedule::cosine, 60), 110, 60) == Approx(0.1));
  CHECK(learning_rate(section(LrSchedule::cosine, 60), 110, 100) == Approx(0.1));
  CHECK(learning_rate(section(LrSchedule::linear, 60), 110, 35) == Approx(0.55));
  OptimizerSection none = section(LrSchedule::cosine);
  none.warmup = 0;
  CHECK(learning_rate(none, 4, 2) == Approx(0.55));
  CHECK_THROWS_AS(learning_rate(none, 4, 0), Bug);
}
