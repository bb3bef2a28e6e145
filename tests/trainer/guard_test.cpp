// SPDX-License-Identifier: Apache-2.0
#include "trainer/guard.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("skipped steps in a row stop a run, single ones do not") {
  NonFiniteGuard guard;
  for (int i = 0; i < 100; ++i) CHECK_FALSE(guard.must_stop(i % 3 == 0));
  CHECK(guard.total() == 34);
  CHECK_FALSE(guard.must_stop(false));
  for (int i = 1; i < NonFiniteGuard::limit; ++i) CHECK_FALSE(guard.must_stop(true));
  CHECK(guard.must_stop(true));
  CHECK(guard.in_a_row() == NonFiniteGuard::limit);
}

TEST_CASE("a restored guard counts on") {
  NonFiniteGuard guard;
  guard.restore(NonFiniteGuard::limit - 1, 12);
  CHECK(guard.must_stop(true));
  CHECK(guard.total() == 13);
}
