// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/patience.hpp"

#include <cerrno>
#include <string>

#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

constexpr Patience hasty = {4, {0.001}};

// Fails so often with this errno, then gives 7; `calls` says how often it was asked.
int fail_then_seven(int failures, int number, int& calls) {
  calls = 0;
  return patiently(
      [&] {
        if (++calls <= failures) fail_call("open", "p", number);
        return 7;
      },
      hasty);
}

}  // namespace

TEST_CASE("what a network disk refuses for a while is tried again, and has its value") {
  int calls = 0;
  for (const int number : {EIO, ESTALE}) {
    CHECK(fail_then_seven(3, number, calls) == 7);
    CHECK(calls == 4);
  }
}

TEST_CASE("the last try says how many there were, and what waiting does not mend is thrown as it is") {
  int calls = 0;
  CHECK_THROWS_WITH(fail_then_seven(4, EIO, calls), Catch::Contains("open failed: Input/output error, 4 times in 0.0 s"));
  CHECK(calls == 4);
  CHECK_THROWS_AS(fail_then_seven(1, EACCES, calls), CallError);
  CHECK(calls == 1);
}
