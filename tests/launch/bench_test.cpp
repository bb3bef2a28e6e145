// SPDX-License-Identifier: Apache-2.0
// The command line of `ergon bench`.
#include "configs/error.hpp"
#include "tests/launch/subcommands.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the help lists the benchmarks and their options") {
  CHECK_THAT(test::ergon({"bench", "--help"}), Catch::Contains("train"));
  const std::string help = test::ergon({"bench", "train", "--help"});
  for (const char* option : {"--threads", "--steps", "--warmup", "--against", "--rounds", "--python", "--json"})
    CHECK_THAT(help, Catch::Contains(option));
}

TEST_CASE("steps and threads below 1 and more than one rank are refused") {
  CHECK_THROWS(test::ergon({"bench", "train", "mesh.dp=2"}));
  CHECK_THROWS(test::ergon({"bench", "train", "--steps", "0"}));
}
