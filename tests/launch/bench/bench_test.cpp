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

TEST_CASE("the help of the benchmarks over ranks lists their options and says what they measure") {
  const std::string attention = test::ergon({"bench", "attention-sharding", "--help"});
  for (const char* word : {"--ranks", "--lengths", "--batch", "--heads", "--kv-heads", "--head-width", "--gather-heads", "--dtype",
                           "--full", "--rounds", "--json", "crossover"})
    CHECK_THAT(attention, Catch::Contains(word));
  const std::string communication = test::ergon({"bench", "communication", "--help"});
  for (const char* word : {"--ranks", "--bytes", "--hidden-bytes", "--rounds", "--json", "MPI_Test"})
    CHECK_THAT(communication, Catch::Contains(word));
}

TEST_CASE("steps and threads below 1 and more than one rank are refused") {
  CHECK_THROWS(test::ergon({"bench", "train", "mesh.dp=2"}));
  CHECK_THROWS(test::ergon({"bench", "train", "--steps", "0"}));
}
