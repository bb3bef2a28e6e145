// SPDX-License-Identifier: Apache-2.0
#include "launch/start_limit.hpp"

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the limit of a start is ten minutes, or what the environment says") {
  CHECK(start_limit([](const char*) -> const char* { return nullptr; }).value == 600);
  CHECK(start_limit([](const char*) -> const char* { return ""; }).value == 600);
  CHECK(start_limit([](const char*) -> const char* { return "1 h 30 min"; }).value == 5400);
  CHECK(test::refusal([] { start_limit([](const char*) -> const char* { return "0 s"; }); }) ==
        "ERGON_START_LIMIT: '0 s' is not a time longer than 0\n  hint: write it as \"20 min\", or unset it");
}
