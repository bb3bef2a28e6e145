// SPDX-License-Identifier: Apache-2.0
// The command line of `ergon generate`; what it writes is in tests/e2e/report_test.py.
#include "tests/launch/subcommands.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the help lists every option") {
  const std::string help = test::ergon({"generate", "--help"});
  for (const char* option : {"--prompt", "--tokens", "--temperature", "--top-k", "--seed", "--threads", "--stop-at-end"})
    CHECK_THAT(help, Catch::Contains(option));
}
