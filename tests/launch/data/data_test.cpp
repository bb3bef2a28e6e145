// SPDX-License-Identifier: Apache-2.0
#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/launch/subcommands.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using Catch::Contains;

TEST_CASE("ergon data lists its commands and refuses any other word") {
  const Called help = call(command_data, "data", {"--help"});
  CHECK(help.code == 0);
  for (const char* command : {"import", "inspect", "verify", "pack", "bigram"}) CHECK_THAT(help.text, Contains(command));
  CHECK_THROWS_WITH(call(command_data, "data", {"frobnicate"}), Contains("unknown subcommand 'frobnicate'"));
  CHECK_THROWS_AS(call(command_data, "data", {}), Error);
}
