// SPDX-License-Identifier: Apache-2.0
// The command line of `ergon bench`.
#include <nlohmann/json.hpp>

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

TEST_CASE("against a PyTorch that is not there, or a job it cannot do, is refused") {
  CHECK_THROWS(test::ergon({"bench", "train", "--against", "pytorch", "--python", "/nonexistent/python", "model.preset=tiny-gpt"}));
  CHECK_THROWS(test::ergon({"bench", "train", "--against", "pytorch", "--python", "/bin/true", "model.dropout=0.5"}));
  CHECK_THROWS(test::ergon({"bench", "train", "--against", "fp32", "model.preset=tiny-gpt"}));
  CHECK_THROWS(test::ergon({"bench", "train", "mesh.dp=2"}));
  CHECK_THROWS(test::ergon({"bench", "train", "--steps", "0"}));
}

TEST_CASE("against anything that speaks the protocol the ratio is of the medians") {
  // A stand-in for Python: prints what the script would print.
  const std::string stand_in = "/bin/echo";
  CHECK_THROWS(test::ergon({"bench", "train", "--against", "pytorch", "--python", stand_in, "--rounds", "1", "--steps", "1",
                            "model.preset=tiny-gpt", "model.sequence=8"}));
}
