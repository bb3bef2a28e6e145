// SPDX-License-Identifier: Apache-2.0
#include "launch/bench_data.hpp"

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/launch/subcommands.hpp"
#include "tests/support/inspecting_storage.hpp"
#include "tests/trainer/data/store_fixture.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("reading is measured apart for first touch and steady state, against plain reads of the same windows") {
  test::TemporaryFolder folder;
  test::InspectingStorage storage;
  test::make_store(folder / "a.h5", test::some_documents(900), storage);
  DataJob job;
  job.stores = {folder / "a.h5"};
  job.sequence = 64;
  job.batch = 8;
  job.rounds = 1;

  const nlohmann::json result = bench_data(job, test::inspect_here);

  CHECK(result["schema"] == "ergon.bench.v1");
  const nlohmann::json& cases = result["cases"];
  REQUIRE(cases.size() == 6);
  for (int i : {0, 1, 2}) {
    CHECK(cases[i]["value"].get<double>() > 0);
    CHECK(cases[i]["ratio"].get<double>() > 0);
    CHECK(cases[i]["baseline"]["name"] == "plain pread of the same windows");
  }
  // All samples of an epoch: each block once, and each window again but for the first in its block.
  CHECK(cases[3]["samples"] == result["job"]["samples"]);
  CHECK(cases[3]["value"].get<double>() > 1);
  CHECK(cases[3]["value"].get<double>() < 2.5);
  CHECK(cases[4]["value"].get<double>() > cases[3]["value"].get<double>());
  CHECK_THAT(data_text(result), Catch::Contains("steady, through the loader") && Catch::Contains("x plain pread of the same windows"));

  job.batch = 100'000;
  CHECK_THROWS_WITH(bench_data(job, test::inspect_here), Catch::Contains("a step wants 100000"));
}

TEST_CASE("the line of bench data refuses what it cannot measure") {
  CHECK_THROWS_WITH(test::call(command_bench, "bench", {"data", "a.h5", "--rounds", "0"}), Catch::Contains("--rounds is at least 1"));
  CHECK_THROWS_WITH(test::call(command_bench, "bench", {"data", "a.h5", "--samples", "5"}),
                    Catch::Contains("5 samples are no batch of 64"));
}
