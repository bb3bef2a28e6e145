// SPDX-License-Identifier: Apache-2.0
#include "parallel/error_json.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("an error comes back whole from JSON, and nothing else is taken for one") {
  const Error told = error_from(nlohmann::json::parse(json_of(Error("no \"such\" thing", "here", "do that", ExitCode::data)).dump()));
  CHECK(told.problem() == "no \"such\" thing");
  CHECK(told.where() == "here");
  CHECK(told.hint() == "do that");
  CHECK(told.code() == ExitCode::data);
  CHECK_THROWS_AS(error_from({{"what", "half"}}), nlohmann::json::exception);
}
