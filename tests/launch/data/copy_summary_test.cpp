// SPDX-License-Identifier: Apache-2.0
#include "launch/data/copy_summary.hpp"

#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a copy is summed up as JSON") {
  CopySummary summary;
  summary.store.uuid = "u";
  summary.store.documents = 3;
  summary.left_out = 2;
  summary.documents[0] = 3;
  summary.tokens[0] = 30;
  std::ostringstream out;
  std::streambuf* before = std::cout.rdbuf(out.rdbuf());
  print_copy_json("ergon.data_merge.v1", summary, "a.h5");
  std::cout.rdbuf(before);
  const auto json = nlohmann::json::parse(out.str());
  CHECK(json["schema"] == "ergon.data_merge.v1");
  CHECK(json["store"] == "a.h5");
  CHECK(json["left_out_documents"] == 2);
  CHECK(json["splits"]["train"] == nlohmann::json({{"documents", 3}, {"tokens", 30}}));
}
