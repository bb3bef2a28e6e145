// SPDX-License-Identifier: Apache-2.0
// The command line of `ergon train`; what it does is in tests/e2e.
#include "configs/key_table.hpp"
#include "tests/launch/subcommands.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the help lists every key, every flag and the signals") {
  const std::string help = test::ergon({"train", "--help"});
  for (const std::string& name : key_names()) CHECK_THAT(help, Catch::Contains(name.substr(name.find('.') + 1)));
  for (const char* word : {"--fresh", "--restart", "--allow-change", "USR1", "85", "86"}) CHECK_THAT(help, Catch::Contains(word));
}
