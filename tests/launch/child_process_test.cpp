// SPDX-License-Identifier: Apache-2.0
#include "launch/child_process.hpp"

#include <sys/wait.h>

#include <chrono>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a child's output comes back, arguments pass without a shell") {
  CHECK(output_of({"/bin/echo", "a b", "$HOME;'"}) == "a b $HOME;'\n");
  CHECK(output_of({"head", "-c", "100000", "/dev/zero"}).size() == 100000);
}

TEST_CASE("a child that takes too long, fails or is not there gives nothing, and is gone") {
  CHECK(*output_within({5}, {"/bin/echo", "a"}) == "a\n");
  CHECK_FALSE(output_within({5}, {"/bin/sh", "-c", "echo a; exit 3"}));
  CHECK_FALSE(output_within({5}, {"/nonexistent/program"}));
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(output_within({0.3}, {"/bin/sleep", "30"}));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1);  // no child is left
}

TEST_CASE("a child that fails is an error that says how") {
  CHECK_THROWS_WITH(output_of({"/nonexistent/program"}), Catch::Contains("cannot be started"));
  CHECK_THROWS_WITH(output_of({"/bin/sh", "-c", "exit 3"}), Catch::Contains("exited with 3"));
  CHECK_THROWS_WITH(output_of({"/bin/sh", "-c", "kill -9 $$"}), Catch::Contains("died of signal 9"));
}
