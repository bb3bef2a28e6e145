// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/process_limits.hpp"

#include <sys/resource.h>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("process_limits: what this process was given, at the moment") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit low = before;
  low.rlim_cur = 77;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  CHECK(process_limits().open_files == 77);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(process_limits().open_files == (before.rlim_cur == RLIM_INFINITY ? -1 : static_cast<std::int64_t>(before.rlim_cur)));
  CHECK(process_limits().stack.value != 0);
}
