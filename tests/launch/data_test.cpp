// SPDX-License-Identifier: Apache-2.0
#include "tests/launch/data_commands.hpp"

using namespace ergon::test;
using Catch::Contains;

TEST_CASE("ergon data lists its commands and refuses any other word") {
  TemporaryFolder folder;
  const DataResult help = ergon_data(folder, "--help");
  CHECK(help.status == 0);
  for (const char* command : {"import", "inspect", "verify", "pack", "bigram"}) CHECK_THAT(help.out, Contains(command));

  const DataResult unknown = ergon_data(folder, "frobnicate");
  CHECK(unknown.status == 2);
  CHECK_THAT(unknown.err, Contains("unknown subcommand 'frobnicate'"));
  CHECK(ergon_data(folder, "").status == 2);
}
