// SPDX-License-Identifier: Apache-2.0
// The rank of a benchmark; bench_attention_test.cpp and bench_communication_test.cpp see it at work.
#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/launch/subcommands.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("bench-rank: takes a benchmark and a job, of those that there are") {
  CHECK_THROWS_WITH(test::call(command_bench_rank, "bench-rank", {"communication"}), Catch::Contains("takes a benchmark and a job"));
  CHECK_THROWS_WITH(test::ergon({"bench-rank", "train", "{}"}), Catch::Contains("exited with 2"));
}
