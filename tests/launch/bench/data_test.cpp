// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/data.hpp"

#include <algorithm>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/launch/subcommands.hpp"
#include "tests/support/inspecting_storage.hpp"
#include "tests/trainer/data/store_fixture.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("reading is measured apart for first touch and steady state, the loader whole and in parts, and beside a model's steps") {
  test::TemporaryFolder folder;
  test::InspectingStorage storage;
  test::make_store(folder / "a.h5", test::some_documents(900), storage);
  DataJob job;
  job.stores = {folder / "a.h5"};
  job.sequence = 64;
  job.batch = 8;
  job.rounds = 2;

  const DataFigures figures = measure_data(job, test::inspect_here);

  for (const auto* seconds : {&figures.first_plain, &figures.first, &figures.plain, &figures.steady, &figures.loader, &figures.labels,
                              &figures.order, &figures.tensors, &figures.step, &figures.seen}) {
    REQUIRE(seconds->size() == 2);
    CHECK(*std::ranges::min_element(*seconds) > 0);
  }
  CHECK(figures.used == 2 * 65);
  CHECK(figures.model_tokens == 2 * 64);
  CHECK(figures.seen[0] < figures.step[0]);
  // All samples of an epoch: each block once, and each window again but for the first in its block.
  const auto share = [&](std::int64_t bytes, std::int64_t samples) {
    return static_cast<double>(bytes) / static_cast<double>(samples * figures.used);
  };
  CHECK(share(figures.first_bytes, figures.samples) > 1);
  CHECK(share(figures.first_bytes, figures.samples) < 2.5);
  CHECK(share(figures.early_bytes, figures.early) > share(figures.first_bytes, figures.samples));

  job.batch = 100'000;
  CHECK_THROWS_WITH(measure_data(job, test::inspect_here), Catch::Contains("a step wants 100000"));
}

TEST_CASE("without a store one is generated, and gone afterwards") {
  test::TemporaryFolder folder;
  test::InspectingStorage storage;
  DataJob job;
  job.folder = folder.path();
  job.generated = 40'000;
  job.sequence = 128;
  job.batch = 4;
  job.rounds = 1;
  CHECK(measure_data(job, test::inspect_here).samples > 200);
  CHECK(storage.list(folder.path()).empty());
}

TEST_CASE("the line of bench data refuses what it cannot measure") {
  CHECK_THROWS_WITH(test::call(command_bench, "bench", {"data", "a.h5", "--rounds", "0"}), Catch::Contains("--rounds is at least 1"));
  CHECK_THROWS_WITH(test::call(command_bench, "bench", {"data", "a.h5", "--samples", "5"}),
                    Catch::Contains("5 samples are no batch of 64"));
}
