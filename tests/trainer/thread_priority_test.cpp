// SPDX-License-Identifier: Apache-2.0
#include "trainer/thread_priority.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a thread yields alone, and not below the lowest priority") {
  const auto niceness = [] { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())); };
  const int own = niceness();
  int once = 0, often = 0;
  std::thread([&] {
    yield_to_computing();
    once = niceness();
    for (int i = 0; i < 3; ++i) yield_to_computing();
    often = niceness();
  }).join();
  CHECK(once == std::min(19, own + background_niceness));
  CHECK(often == 19);
  CHECK(niceness() == own);
}
