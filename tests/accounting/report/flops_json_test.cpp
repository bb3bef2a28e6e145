// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "accounting/report/flops_report.hpp"
#include "tests/accounting/reasons.hpp"
#include "tests/accounting/shapes.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using nlohmann::json;

TEST_CASE("the JSON of a shape has the keys and values that scripts rely on") {
  const auto report = checked_json(flops_json(flops_of_shape("gpt2-124m", gpt2_124m(), whole_sequence(1024, 0), {2048})));
  CHECK(report["schema"] == "ergon.flops.v1");
  CHECK(report["parameters"] == json{{"total", 124439808}, {"embedding", 39383808}, {"non_embedding", 85056000}, {"matmul", 123532032}});
  CHECK(report["tokens"] == 2048);
  CHECK(report["conventions"].size() == 13);
  CHECK(report["conventions"]["exact"]["total"] == "1634038972416");
  CHECK(report["conventions"]["exact"]["per_token"] == "797870592");
  CHECK(report["conventions"]["exact"]["per_sequence"] == "817019486208");
  CHECK(report["conventions"]["6n"]["pfs_days"].get<double>() == Approx(2 * 764558180352.0 / 8.64e19));
  CHECK(report["conventions"]["kaplan"]["parameters"] == 84934656);
  CHECK(report["conventions"]["megatron21"]["beside"]["hardware_full"]["per_token"] == "1062056448");
  CHECK(report["conventions"]["korthikanti22"]["beside"]["hardware_selective"]["per_token"] == "967684608");
  CHECK(report["attention"]["causal"]["per_token"] == "797815296");
  CHECK(report["attention"]["full"]["hardware"]["flash"]["selective"]["per_token"] == "911061504");
}

TEST_CASE("a convention that says nothing about a shape keeps its keys, null, each with the reason") {
  const auto report = checked_json(flops_json(flops_of_shape("llama", llama3_8b(), whole_sequence(8192, 0), {8192})));
  for (const char* key : {"per_token", "per_sequence", "total", "pfs_days", "parameters"}) {
    CHECK(report["conventions"]["megatron21"].at(key).is_null());
    CHECK_THAT(report["reason"]["conventions.megatron21." + std::string(key)].get<std::string>(), Catch::Matchers::Contains("f = 4 d"));
  }
  CHECK(report["conventions"]["exact"]["per_token"].is_string());
}

TEST_CASE("documents and a split are in it when asked for") {
  const auto report =
      checked_json(flops_json(flops_of_shape("gpt2", gpt2_124m(), packed_documents({1, 3, 4}, 1024, 0, "test"), {8}, SplitBy::phase)));
  CHECK(report["documents"] == json{{"count", 3}, {"tokens", 8}, {"longest", 4}});
  CHECK(report["split"]["by"] == "phase");
  CHECK(report["split"]["rows"].size() == 2);
  CHECK(report["split"]["rows"][1]["name"] == "backward");
  // 741,192,192 + 110,592 x 17 / 8 pairs a token, two thirds of it, 8 tokens.
  CHECK(report["split"]["rows"][1]["total"] == std::to_string((8 * 741192192L + 110592L * 17) / 3 * 2));
}

TEST_CASE("of a bare number of parameters there is 6 N D, and null with a reason for the rest") {
  const auto report = checked_json(flops_json(flops_of_counts(parse_decimal("174.6e9"), parse_decimal("300e9"))));
  CHECK(report["conventions"].size() == 1);
  CHECK(report["conventions"]["6n"]["total"] == "314280000000000000000000");
  CHECK(report["conventions"]["6n"]["per_token"] == "1047600000000");
  CHECK(report["conventions"]["6n"]["pfs_days"].get<double>() == Approx(3637.5));
  CHECK(report["parameters"]["total"] == 174600000000);
  CHECK(report["tokens"] == 300000000000);
  for (const char* key : {"embedding", "non_embedding", "matmul"}) CHECK(report["parameters"][key].is_null());
  CHECK_FALSE(report.contains("attention"));
}

TEST_CASE("counts that a reader of JSON would round are strings") {
  const auto report = checked_json(flops_json(flops_of_counts(parse_decimal("9007199254740993"), parse_decimal("1e19"))));
  CHECK(report["parameters"]["total"] == "9007199254740993");
  CHECK(report["tokens"] == "10000000000000000000");
}
