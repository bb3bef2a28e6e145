// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "launch/commands.hpp"
#include "tests/support/catch.hpp"

namespace {

std::string version_output(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "version");
  std::ostringstream text;
  std::streambuf* terminal = std::cout.rdbuf(text.rdbuf());
  int status = ergon::command_version(static_cast<int>(arguments.size()), const_cast<char**>(arguments.data()));
  std::cout.rdbuf(terminal);
  CHECK(status == 0);
  return text.str();
}

}  // namespace

TEST_CASE("version names Ergon, the compiler and every library, as text and as JSON") {
  std::string text = version_output({});
  auto json = nlohmann::json::parse(version_output({"--json"}));
  CHECK(json["schema"] == "ergon.version.v1");
  for (const char* name : {"ergon", "compiler", "build", "system", "torch", "mpi", "hdf5", "fmt", "toml++", "json", "cli11"}) {
    INFO(name);
    REQUIRE(json.contains(name));
    std::string value = json[name];
    CHECK_FALSE(value.empty());
    CHECK(text.find(value) != std::string::npos);
  }
  CHECK(json["torch"].get<std::string>().rfind("2.", 0) == 0);
}
