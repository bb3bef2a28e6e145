// SPDX-License-Identifier: Apache-2.0
#include "configs/error.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("an error is composed of place, problem and hint") {
  Error error("is odd", "model.head_width", "choose an even one", ExitCode::world);
  CHECK(std::string(error.what()) == "model.head_width: is odd\n  hint: choose an even one");
  CHECK(error.problem() == "is odd");
  CHECK(error.where() == "model.head_width");
  CHECK(error.hint() == "choose an even one");
  CHECK(error.code() == ExitCode::world);
  CHECK(std::string(Error("alone", "", "").what()) == "alone");
  CHECK(Error("alone", "", "").code() == ExitCode::config);
}

TEST_CASE("a check that does not hold names itself and its values") {
  CHECK_NOTHROW([] { ERGON_CHECK(1 + 1 == 2, "never shown"); }());
  CHECK_THROWS_WITH([] { ERGON_CHECK(1 + 1 == 3, "{} is not {}", 2, 3); }(),
                    Catch::Contains("1 + 1 == 3 does not hold: 2 is not 3") && Catch::Contains("error_test.cpp"));
}
