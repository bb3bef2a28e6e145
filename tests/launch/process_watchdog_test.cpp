// SPDX-License-Identifier: Apache-2.0
#include "launch/process_watchdog.hpp"

#include "parallel/communicator_local.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the limits are those of the keys, and one rank needs no watchdog") {
  WatchdogSection section;
  section.start = {7};
  section.step = {8};
  section.checkpoint = {9};
  section.abort = {10};
  const WatchdogLimits limits = limits_of(section);
  CHECK(limits.start.value == 7);
  CHECK(limits.step.value == 8);
  CHECK(limits.checkpoint.value == 9);
  CHECK(limits.abort.value == 10);
  const auto alone = make_local_group(1);
  CHECK(start_watchdog(*alone[0]) == nullptr);
  CHECK(alone[0]->flight_record() == nullptr);
}
