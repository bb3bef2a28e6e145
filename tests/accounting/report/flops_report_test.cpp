// SPDX-License-Identifier: Apache-2.0
#include "accounting/report/flops_report.hpp"

#include <nlohmann/json.hpp>

#include "tests/accounting/shapes.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using Catch::Matchers::Contains;

TEST_CASE("the JSON of a shape has the keys and values that scripts rely on") {
  const auto json = nlohmann::json::parse(flops_json(flops_of_shape("gpt2-124m", gpt2_124m(), 1024, {2048})));
  CHECK(json["schema"] == "ergon.flops.v1");
  CHECK(json["parameters"] ==
        nlohmann::json{{"total", 124439808}, {"embedding", 39383808}, {"non_embedding", 85056000}, {"matmul", 123532032}});
  CHECK(json["tokens"] == 2048);
  CHECK(json["conventions"].size() == 3);
  CHECK(json["conventions"]["exact"]["total"] == "1634038972416");
  CHECK(json["conventions"]["exact"]["per_token"] == "797870592");
  CHECK(json["conventions"]["6n"]["pfs_days"].get<double>() == Approx(2 * 764558180352.0 / 8.64e19));
  CHECK(json["reason"].empty());
}

TEST_CASE("of a bare number of parameters there is 6 N D, and null with a reason for the rest") {
  const FlopsReport report = flops_of_counts(parse_decimal("174.6e9"), parse_decimal("300e9"));
  const auto json = nlohmann::json::parse(flops_json(report));
  CHECK(json["conventions"].size() == 1);
  CHECK(json["conventions"]["6n"]["total"] == "314280000000000000000000");
  CHECK(json["conventions"]["6n"]["per_token"] == "1047600000000");
  CHECK(json["conventions"]["6n"]["pfs_days"].get<double>() == Approx(3637.5));
  CHECK(json["parameters"]["total"] == 174600000000);
  CHECK(json["tokens"] == 300000000000);
  for (const char* key : {"embedding", "non_embedding", "matmul"}) {
    CHECK(json["parameters"][key].is_null());
    CHECK(json["reason"].contains("parameters." + std::string(key)));
  }
  CHECK_THAT(flops_text(report),
             Contains("174,600,000,000") && Contains("314280000000000000000000") && Contains("3637.5") && Contains("6 N a token"));
}

TEST_CASE("counts that a reader of JSON would round are strings, and pages show them whole") {
  const FlopsReport report = flops_of_counts(parse_decimal("9007199254740993"), parse_decimal("1e19"));
  const auto json = nlohmann::json::parse(flops_json(report));
  CHECK(json["parameters"]["total"] == "9007199254740993");
  CHECK(json["tokens"] == "10000000000000000000");
  CHECK_THAT(flops_text(report), Contains("9,007,199,254,740,993") && Contains("10000000000000000000"));
}

TEST_CASE("the page names every convention beside its figure, and what the letters mean") {
  const std::string text = flops_text(flops_of_shape("llama", llama3_8b(), 8192, {8192}));
  for (const Convention& row : conventions())
    CHECK_THAT(text, Contains(row.id) && Contains(row.definition) && Contains(per_token(row, llama3_8b(), 8192)));
  CHECK_THAT(text, Contains("8,030,261,248") && Contains("Legend") && Contains("L layers"));
}
