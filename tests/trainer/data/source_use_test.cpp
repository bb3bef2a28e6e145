// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/source_use.hpp"

#include <nlohmann/json.hpp>

#include "tests/trainer/data/store_fixture.hpp"
#include "trainer/data/sample_order.hpp"

using namespace ergon;
using namespace ergon::test;

TEST_CASE("tokens and epochs are counted by source") {
  TemporaryFolder folder;
  InspectingStorage storage;
  make_store(folder / "a.h5", some_documents(30), storage);
  make_store(folder / "b.h5", some_documents(7), storage);
  const TokenSource source({folder / "a.h5", folder / "b.h5"}, Split::train, 8, storage);
  SampleOrder order(source, initial_data_state(source, 1, true), {{1, 3}, {}});
  std::vector<std::int64_t> step(80);
  for (int s = 0; s < 3; ++s) order.next(step);

  const nlohmann::json use = source_use(order.state(), source);

  CHECK(use["padding"] == 0.0);
  CHECK(use["sources"][0]["tokens"] == 60 * 8);
  CHECK(use["sources"][1]["tokens"] == 180 * 8);
  CHECK(use["sources"][1]["samples"] == 180);
  CHECK(use["sources"][1]["unique_tokens"] == source.parts()[1].samples * 8);
  CHECK(use["sources"][1]["epochs"].get<double>() == Approx(180.0 / static_cast<double>(source.parts()[1].samples)));
  CHECK(use["sources"][1]["name"] == folder / "b.h5");
  CHECK(use["sources"][1]["uuid"] == source.stores()[1]->info().uuid);
}
