// SPDX-License-Identifier: Apache-2.0
// `ergon checkpoint resave` on a checkpoint made here; that all meshes come to the same bytes:
// tests/trainer/checkpoint/resharding_test.cpp.
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/launch/subcommands.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/trainer/checkpoint/formats/tiny_models.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using ergon::test::Called;
using ergon::test::TemporaryFolder;

namespace {

Called resave_command(std::vector<std::string> arguments) {
  try {
    return test::call(command_checkpoint, "checkpoint", std::move(arguments));
  } catch (const Error& error) {
    return {static_cast<int>(error.code()), error.what()};
  }
}

}  // namespace

TEST_CASE("checkpoint resave: canonical is a form of its own fixed point") {
  const TemporaryFolder root;
  Storage storage;
  test::save_model(storage, root / "run", test::tiny_gpt2());
  CHECK_THAT(resave_command({"resave", root / "run", "--canonical", "-o", root / "a/"}).text, Catch::Contains("bytes, content SHA-256 "));
  const auto json = nlohmann::json::parse(resave_command({"resave", root / "a", "--canonical", "-o", root / "b", "--json"}).text);
  CHECK(json.at("schema") == "ergon.checkpoint_resave.v1");
  CHECK(json.at("content_sha256").get<std::string>().size() == 64);
  for (const char* name : {"shard_0000.h5", "index.json", "state.json"})
    CHECK(test::read_file(root / "a/" + name) == test::read_file(root / "b/" + name));
}

TEST_CASE("checkpoint resave: the form has to be named") {
  const TemporaryFolder root;
  const Called said = resave_command({"resave", root.path(), "-o", root / "x"});
  CHECK(said.code == 2);
  CHECK_THAT(said.text, Catch::Contains("there is one: --canonical"));
}
