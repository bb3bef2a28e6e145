// SPDX-License-Identifier: Apache-2.0
#include "launch/child_process.hpp"

#include "configs/error.hpp"
#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a child's output comes back, arguments pass without a shell") {
  CHECK(output_of({"/bin/echo", "a b", "$HOME;'"}) == "a b $HOME;'\n");
  CHECK(output_of({"head", "-c", "100000", "/dev/zero"}).size() == 100000);
}

TEST_CASE("a child that fails is an error that says how") {
  CHECK_THROWS_WITH(output_of({"/nonexistent/program"}), Catch::Contains("cannot be started"));
  CHECK_THROWS_WITH(output_of({"/bin/sh", "-c", "exit 3"}), Catch::Contains("exited with 3"));
  CHECK_THROWS_WITH(output_of({"/bin/sh", "-c", "kill -9 $$"}), Catch::Contains("died of signal 9"));
}
