// SPDX-License-Identifier: Apache-2.0
#include "parallel/stop_patience.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a stop waits for a step as long as steps of the run take, within its limits") {
  StopPatience patience;
  const auto limit = [&] { return patience.limit({4}, {300}).value; };
  patience.see(FlightPhase::start, 0, {0});
  patience.see(FlightPhase::step, 1, {100});
  CHECK(limit() == 300);  // no step is over
  patience.see(FlightPhase::step, 1, {101});
  patience.see(FlightPhase::step, 2, {101});
  CHECK(limit() == 4);  // of one second
  patience.see(FlightPhase::checkpoint, 2, {111});
  CHECK(limit() == 20);
  patience.see(FlightPhase::step, 3, {500});  // a save is no step
  CHECK(limit() == 20);
  patience.see(FlightPhase::step, 4, {501});
  CHECK(limit() == 20);
  patience.see(FlightPhase::evaluation, 4, {701});
  CHECK(limit() == 300);
}
