// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "launch/commands.hpp"
#include "launch/diagnosis.hpp"
#include "tests/support/catch.hpp"

namespace {

std::pair<int, std::string> doctor(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "doctor");
  std::ostringstream text;
  std::streambuf* terminal = std::cout.rdbuf(text.rdbuf());
  int status = ergon::command_doctor(static_cast<int>(arguments.size()), const_cast<char**>(arguments.data()));
  std::cout.rdbuf(terminal);
  return {status, text.str()};
}

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
