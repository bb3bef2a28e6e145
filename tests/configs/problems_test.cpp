// SPDX-License-Identifier: Apache-2.0
#include "configs/problems.hpp"

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("one problem is thrown as it is, several as a list") {
  Problems problems;
  CHECK(problems.empty());
  CHECK_NOTHROW(problems.throw_if_any("run.toml"));
  problems.add("is wrong", "run.toml:1:2", "mend it");
  CHECK(test::refusal([&] { problems.throw_if_any("run.toml"); }) == "run.toml:1:2: is wrong\n  hint: mend it");
  problems.add("is odd", "", "");
  CHECK(problems.size() == 2);
  CHECK(test::refusal([&] { problems.throw_if_any("run.toml", ExitCode::data); }) ==
        "(3) run.toml: 2 errors\n  run.toml:1:2: is wrong\n    hint: mend it\n  is odd");
}
