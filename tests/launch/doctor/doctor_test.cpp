// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "launch/commands.hpp"
#include "launch/doctor/diagnosis.hpp"
#include "tests/launch/subcommands.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::Called;

namespace {

Called doctor(const std::vector<std::string>& arguments) { return test::call(command_doctor, "doctor", arguments); }

}  // namespace

// MPI starts once a process, so this test has its own.
TEST_CASE("doctor prints every finding, and its exit code says whether Ergon can run") {
  auto [status, text] = doctor({"--json"});
  auto json = nlohmann::json::parse(text);
  CHECK(json["schema"] == "ergon.doctor.v1");
  CHECK(json["findings"].size() == ergon::diagnose({}).size());
  bool broken = false;
  for (const auto& finding : json["findings"]) broken = broken || finding["verdict"] == "broken";
  CHECK(json["usable"] == !broken);
  CHECK(status == (broken ? 4 : 0));
}
