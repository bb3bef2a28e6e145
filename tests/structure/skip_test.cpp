// SPDX-License-Identifier: Apache-2.0
#include "tests/support/skip.hpp"

#include "tests/support/catch.hpp"

using ergon::test::exit_status;

TEST_CASE("a process is skipped only when all of its test cases skipped and none failed") {
  CHECK(exit_status(0, 3, 0) == 0);
  CHECK(exit_status(0, 3, 2) == 0);
  CHECK(exit_status(0, 3, 3) == 77);
  CHECK(exit_status(1, 3, 3) == 1);
  CHECK(exit_status(0, 0, 0) == 0);
}
