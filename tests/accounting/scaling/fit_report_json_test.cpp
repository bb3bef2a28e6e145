// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <tuple>

#include "accounting/scaling/fit_report.hpp"
#include "tests/accounting/reasons.hpp"
#include "tests/accounting/scaling/synthetic.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using nlohmann::json;

namespace {

json fitted(std::int64_t bootstrap, std::set<Approach> approaches, bool with_budgets) {
  FitRows rows;
  rows.rows = test::planted({1.7, 400, 1500, 0.34, 0.36}, 6, 8, 0.003, 11);
  if (with_budgets)
    for (FitRow& row : rows.rows) row.budget = row.flops;
  filter_rows(rows, {{}, 1});
  FitRequest request;
  request.approaches = std::move(approaches);
  request.start_stride = 100;
  request.bootstrap = bootstrap;
  return test::checked_json(fit_json(make_fit_report(fit_input("points.csv", rows), request)));
}

}  // namespace

TEST_CASE("the keys that scripts rely on") {
  const json result = fitted(30, {Approach::parametric}, false);
  CHECK(result["schema"] == "ergon.fit.v1");
  for (const char* key : {"E", "A", "B", "alpha", "beta"}) {
    CHECK(result["law"][key].is_number());
    CHECK(result["bootstrap"]["sd"][key].is_number());
  }
  for (const char* key : {"A", "B", "E"}) CHECK(result["bootstrap"]["sd_log"][key].is_number());
  CHECK(result["objective"].is_number());
  CHECK(result["huber_delta"] == 1e-3);
  CHECK(result["rows_used"] == 47);
  REQUIRE(result["rows_dropped"].size() == 1);
  CHECK(result["rows_dropped"][0]["row"].is_number_integer());
  CHECK(result["rows_dropped"][0]["reason"].get<std::string>().find("--drop-highest-loss 1") == 0);
  for (const char* key : {"a", "b"})
    for (const char* part : {"value", "low", "high"}) CHECK(result["exponents"][key][part].is_number());
  CHECK(result["exponents"]["a"]["value"].get<double>() ==
        Approx(result["law"]["beta"].get<double>() / (result["law"]["alpha"].get<double>() + result["law"]["beta"].get<double>())));
  CHECK(result["bootstrap"]["samples"] == 30);
  CHECK(result["bootstrap"]["level"] == 0.8);
  CHECK(result["starts"]["tried"] == 45);
  CHECK(result["starts"]["reached"].get<int>() > 4);
  CHECK(result["convention"] == "6n");
  CHECK(result["optimizers"]["agree"] == true);
  CHECK(result["flatness"][0]["half"].get<double>() > 0);
  CHECK(result["held_out"]["rows_predicted"] == 10);
  CHECK(result["reason"]["approaches.1"] == "approach 1 was not asked for");
  CHECK(result["overtraining"].is_null());
  CHECK(result["reason"]["overtraining"].is_string());
  CHECK(result["reason"]["repetition"].is_string());
}

TEST_CASE("a null has its reason under its dotted key") {
  const json without = fitted(0, {Approach::parametric}, false);
  CHECK(without["exponents"]["a"]["low"].is_null());
  CHECK(without["reason"]["exponents.a.low"].is_string());
  CHECK(without["bootstrap"]["sd"].is_null());
  CHECK(without["reason"]["bootstrap.sd"].is_string());
  const json isoflop = fitted(30, {Approach::isoflop}, true);
  CHECK(isoflop["law"].is_null());
  CHECK(isoflop["reason"]["law"] == "approach 3 was not asked for");
  CHECK(isoflop["exponents"]["a"]["value"] == isoflop["approaches"]["2"]["a"]["value"]);
  CHECK(isoflop["approaches"]["2"]["groups"].size() == 6);
  const json all = fitted(30, {Approach::envelope, Approach::isoflop, Approach::parametric}, false);
  CHECK(all["approaches"]["1"].is_null());
  CHECK(all["reason"]["approaches.1"].get<std::string>() != "approach 1 was not asked for");
}

TEST_CASE("a bootstrap of which most re-fits failed gives no intervals, and the reason") {
  FitRows rows;
  for (const auto& [n, d, seen] :
       {std::tuple{1e8, 2e9, 3.5}, {1e8, 8e9, 3.2}, {4e8, 2e9, 3.3}, {4e8, 8e9, 2.9}, {4e8, 3.2e10, 2.7}, {1.6e9, 8e9, 2.75}})
    rows.rows.push_back(test::point(static_cast<std::int64_t>(rows.rows.size()) + 1, n, d, 6 * n * d, seen));
  FitRequest request;
  request.start_stride = 100;
  request.bootstrap = 20;
  const FitReport report = make_fit_report(fit_input("six.csv", rows), request);
  const json result = json::parse(fit_json(report));
  CHECK(result["exponents"]["a"]["low"].is_null());
  CHECK(result["reason"]["exponents.a.low"] == "half of the re-fits failed, or more");
  CHECK(law_of(report, "six").samples.empty());
}
