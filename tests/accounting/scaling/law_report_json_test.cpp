// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "accounting/scaling/law_file.hpp"
#include "accounting/scaling/law_report.hpp"
#include "tests/accounting/reasons.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using ergon::test::checked_json;
using nlohmann::json;

TEST_CASE("the list as JSON") {
  const json list = checked_json(law_list_json(published_laws()));
  CHECK(list["schema"] == "ergon.law_list.v1");
  REQUIRE(list["laws"].size() == published_laws().size());
  CHECK(list["laws"][0]["name"] == "besiroglu");
  CHECK(list["laws"][0]["samples"] == 1000);
  CHECK(list["laws"][0]["data_set"] == "MassiveText");
  REQUIRE(list["laws"][11]["name"] == "steplaw");
  CHECK(list["laws"][11]["data_set"].is_null());
  CHECK(list["reason"].contains("laws[11].data_set"));
}

TEST_CASE("every published law as JSON: what is null says why") {
  for (const ScalingLaw& law : published_laws()) {
    INFO(law.name);
    const json shown = checked_json(law_show_json(law, 0.8));
    CHECK(shown["schema"] == "ergon.law_show.v1");
    CHECK(shown["name"] == law.name);
    CHECK(shown["traps"].size() == law.traps.size());
    CHECK(shown["law"].is_null() != law.loss_law.has_value());
    CHECK(shown["allocation"].is_null() != law.allocation.has_value());
    CHECK(shown["hyperparameters"].size() == law.hyperparameters.size());
  }
}

TEST_CASE("coefficients in JSON") {
  const json shown = json::parse(law_show_json(find_law("besiroglu"), 0.8));
  CHECK(shown["law"] == json{{"E", 1.8172}, {"A", 482.01}, {"B", 2085.43}, {"alpha", 0.3478}, {"beta", 0.3658}});
  CHECK(shown["exponents"]["a"]["value"].get<double>() == Approx(0.3658 / 0.7136));
  CHECK(shown["exponents"]["a"]["low"].get<double>() < 0.5126);
  CHECK(shown["fit"]["rows"] == 240);
  CHECK(shown["domain"]["flops"]["high"] == 1.30e22);
  const json kaplan = json::parse(law_show_json(find_law("kaplan"), 0.8));
  CHECK(kaplan["joint_law"]["alpha_D"] == 0.103);
  CHECK(kaplan["frontier_loss"]["exponent"] == -0.05);
  CHECK(kaplan["exponents"]["b"]["value"].get<double>() == Approx(0.27));
  CHECK(kaplan["hyperparameters"][0]["log_n"] == -0.0001395);
  CHECK(json::parse(law_show_json(find_law("deepseek"), 0.8))["allocation"]["flops_per_token"]["coefficient"] == 0.1715);
  CHECK(json::parse(law_show_json(find_law("muennighoff"), 0.8))["repetition"]["data_half_life"] == 15.387756);
}

TEST_CASE("a prediction as JSON, with and without a loss") {
  const json predicted = checked_json(law_predict_json(predict_by_law(find_law("besiroglu"), {70e9, 1.4e12}, {}, 0.9)));
  CHECK(predicted["loss"]["value"].get<double>() == Approx(1.9737).margin(0.001));
  CHECK(predicted["loss"]["low"].get<double>() < predicted["loss"]["high"].get<double>());
  CHECK(predicted["level"] == 0.9);
  CHECK(predicted["unique_tokens"].is_null());
  const json repeated = checked_json(law_predict_json(predict_by_law(find_law("muennighoff"), {6.34e9, 242e9}, 25e9, 0.8)));
  CHECK(repeated["unique_tokens"] == 25e9);
  CHECK(repeated["loss"]["value"].get<double>() == Approx(2.2256440889984477).epsilon(1e-9));
  CHECK(repeated["loss"]["low"].is_null());
  CHECK(checked_json(law_predict_json(predict_by_law(find_law("steplaw"), {1e9, 1e11}, {}, 0.8)))["loss"].is_null());
}

TEST_CASE("a comparison of every law as JSON") {
  const json compared = checked_json(law_compare_json(compare_laws(published_laws(), 5.76e23, 0.8)));
  CHECK(compared["budget_flops"] == 5.76e23);
  CHECK(compared["by_law"].size() == published_laws().size());
  const json& by_law = compared["by_law"];
  CHECK(by_law["hoffmann-3"]["parameters"]["value"].get<double>() == Approx(40e9).epsilon(0.02));
  CHECK(by_law["hoffmann-3"]["parameters"]["low"].is_null());
  CHECK(by_law["besiroglu"]["parameters"]["low"].get<double>() < by_law["besiroglu"]["parameters"]["value"].get<double>());
  CHECK(by_law["hoffmann-1"]["loss"].is_null());
  CHECK(by_law["hoffmann-1"]["printed_tokens"].get<double>() == Approx(1.5e12).epsilon(0.06));
  CHECK(by_law["steplaw"]["parameters"].is_null());
  CHECK(compared["disagreement"].get<std::string>().find("by kaplan") != std::string::npos);
}
