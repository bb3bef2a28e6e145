// SPDX-License-Identifier: Apache-2.0
// The share that is hidden; what is measured comes with the command (bench_communication_test.cpp).
#include "launch/bench/overlap.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("overlap: all of the shorter one is hidden at best, nothing where both follow each other") {
  const OverlapFigures figures{.transfer = 1, .compute = 3};
  CHECK(hidden_share(figures, 3) == 1);
  CHECK(hidden_share(figures, 4) == 0);
  CHECK(hidden_share(figures, 3.5) == 0.5);
  CHECK(hidden_share(figures, 5) == -1);
  CHECK(hidden_share({.transfer = 3, .compute = 1}, 3.5) == 0.5);
}
