// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tests/launch/data/commands.hpp"

using namespace ergon::test;
using Catch::Contains;

TEST_CASE("a store is packed once, the same each time, and the figures are said") {
  const TemporaryFolder& folder = text_store().folder;

  const DataResult packed = ergon_data(folder, "pack a.h5 --sequence 256 -o p.h5");
  CHECK(packed.status == 0);
  CHECK_THAT(packed.out, Contains("% padding, 0 cuts"));
  const auto again = nlohmann::json::parse(ergon_data(folder, "pack a.h5 --sequence 256 -o q.h5 --json").out);
  CHECK(read_file(folder / "p.h5") == read_file(folder / "q.h5"));
  CHECK(again["schema"] == "ergon.data_pack.v1");
  CHECK(again["tokens"].get<std::int64_t>() <= again["samples"].get<std::int64_t>() * 256);
  CHECK(again["padding"].get<double>() < 0.3);
  CHECK(nlohmann::json::parse(ergon_data(folder, "pack a.h5 --sequence 16 -o r.h5 --json").out)["cuts"].get<std::int64_t>() > 300);

  const DataResult twice = ergon_data(folder, "pack a.h5 --sequence 256 -o p.h5");
  CHECK(twice.status == 2);
  CHECK_THAT(twice.err, Contains("already exists") && Contains("--force"));
  CHECK(ergon_data(folder, "pack a.h5 --sequence 128 -o p.h5 --force").status == 0);
  CHECK_THAT(ergon_data(folder, "pack a.h5 --sequence 0 -o z.h5").err, Contains("--sequence: a sequence of 0 tokens"));
}
