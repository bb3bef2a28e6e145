// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "launch/commands.hpp"
#include "tests/launch/subcommands.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::call;

TEST_CASE("version names Ergon, the compiler and every library, as text and as JSON") {
  std::string text = call(command_version, "version", {}).text;
  auto json = nlohmann::json::parse(call(command_version, "version", {"--json"}).text);
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
