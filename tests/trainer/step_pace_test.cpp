// SPDX-License-Identifier: Apache-2.0
#include "trainer/step_pace.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("step_pace: the last twenty steps count, no earlier ones") {
  StepPace pace;
  pace.add({2}, {0.5});
  CHECK(pace.steps_per_second() == Approx(0.5));
  CHECK(pace.wait_share() == Approx(0.25));
  pace.add({6}, {0.5});
  CHECK(pace.steps_per_second() == Approx(0.25));
  CHECK(pace.wait_share() == Approx(0.125));
  for (int step = 0; step < 20; ++step) pace.add({0.1}, {0});
  CHECK(pace.steps_per_second() == Approx(10));
  CHECK(pace.wait_share() == 0);
}
