// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "accounting/advice/plan.hpp"
#include "tests/accounting/advice/laws.hpp"
#include "tests/accounting/advice/plan_requests.hpp"
#include "tests/accounting/reasons.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using namespace ergon::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

json parsed(const PlanRequest& request) { return checked_json(plan_json(make_plan(request))); }

}  // namespace

TEST_CASE("the keys and values that scripts rely on") {
  const json plan = parsed(request_of("10 pfs-days"));
  CHECK(plan["schema"] == "ergon.plan.v1");
  CHECK(plan["budget_flops"] == "864000000000000000000");
  CHECK(plan["budget"]["pfs_days"] == 10.0);
  for (const char* member : {"parameters", "tokens", "loss"}) {
    const json& value = plan["optimal"][member];
    CHECK(value["low"] < value["high"]);
    CHECK(value["value"].is_number());
    CHECK(plan["by_law"]["besiroglu"][member] == value["value"]);
  }
  CHECK(relative(6 * plan["optimal"]["parameters"]["value"].get<double>() * plan["optimal"]["tokens"]["value"].get<double>(), 8.64e20) <
        1e-9);
  CHECK(plan["meshes"] == json::array());
  CHECK(plan["reason"].contains("meshes"));
  CHECK(plan["frontier"].size() == 9);
  CHECK(plan["architecture"]["model"]["vocabulary"] == 32000);
  CHECK(plan["architecture"]["flops"]["6n"].is_string());
  CHECK(plan["hyperparameters"].size() >= 6);
  CHECK_FALSE(plan["traps"].empty());
}

TEST_CASE("what a law does not give is null with a reason: no loss, no intervals") {
  const json plan = parsed(request_of("1e21", "hoffmann-2"));
  CHECK(plan["optimal"]["loss"]["value"].is_null());
  CHECK_THAT(plan["reason"]["optimal.loss.value"].get<std::string>(), Contains("hoffmann-2 has no loss"));
  CHECK(plan["optimal"]["parameters"]["low"].is_null());
  CHECK_THAT(plan["reason"]["optimal.parameters.low"].get<std::string>(), Contains("exponents only"));
  CHECK(plan["by_law"]["deepseek"]["loss"].is_null());
  CHECK(plan["reason"].contains("by_law.deepseek.loss"));
  for (const char* key : {"frontier[0].loss", "frontier[8].excess_loss"}) CHECK(plan["reason"].contains(key));
}

TEST_CASE("inference, limited tokens, a review and a device have their sections") {
  PlanRequest request = request_of("1e21");
  request.question.inference_tokens = 1e12;
  request.rate = device_rate("h100-sxm", DType::bfloat16, 0.5);
  const json serving = parsed(request);
  CHECK(serving["serving"]["inference_tokens"] == 1e12);
  CHECK(serving["serving"]["saved"] > 0.0);
  CHECK(serving["optimal"]["parameters"]["value"] < serving["serving"]["training_optimal"]["parameters"]);
  CHECK(serving["budget"]["device_hours"].get<double>() == Approx(1e21 / (989e12 * 0.5 * 3600)));
  CHECK(serving["budget"]["device"]["id"] == "h100-sxm");

  PlanRequest limited = request_of("1e21");
  limited.question.tokens_available = 3e9;
  const json few = parsed(limited);
  CHECK(few["data_limit"]["binds"] == true);
  CHECK(few["data_limit"]["epochs"] > 1.0);
  CHECK(few["by_law"]["besiroglu"]["parameters"].is_null());

  PlanRequest existing = request_of("5.04e23");
  existing.existing = Allocation{280e9, 300e9};
  const json review = parsed(existing);
  CHECK(review["undertrained"]["tokens_ratio"] < 0.1);
  CHECK(review["undertrained"]["excess_loss"] > 0.0);
  existing.law = "deepseek";
  existing.extrapolation = Extrapolation::allowed;
  const json lossless = parsed(existing);
  CHECK(lossless["undertrained"]["excess_loss"].is_null());
  CHECK_THAT(lossless["reason"]["undertrained.excess_loss"].get<std::string>(), Contains("deepseek has no loss of N and D"));
  CHECK_THAT(review["undertrained"]["verdict"].get<std::string>(), Contains("undertrained"));
}

TEST_CASE("a value that was given has no interval, and says so") {
  PlanRequest request = request_of("1");
  request.budget.reset();
  request.question = {PlanGoal::parameters, 7e9, 0.8, {}, {}};
  const json plan = parsed(request);
  CHECK(plan["optimal"]["parameters"]["value"] == 7e9);
  CHECK(plan["reason"]["optimal.parameters.low"] == "it was given, not found");
  CHECK(plan["optimal"]["tokens"]["low"].is_number());
}
