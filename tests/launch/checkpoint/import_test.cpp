// SPDX-License-Identifier: Apache-2.0
// `ergon checkpoint import`, and a run that trains on from it.
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "launch/commands.hpp"
#include "tests/launch/subcommands.hpp"
#include "tests/support/inspecting_storage.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/trainer/checkpoint/formats/tiny_models.hpp"
#include "tests/trainer/tiny_run.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using ergon::test::Called;
using ergon::test::TemporaryFolder;

namespace {

Called import_command(std::vector<std::string> arguments) {
  try {
    return test::call(command_checkpoint, "checkpoint", std::move(arguments));
  } catch (const Error& error) {
    return {static_cast<int>(error.code()), error.what()};
  }
}

std::string golden(const std::string& name) { return std::string(std::getenv("ERGON_SOURCE")) + "/tests/golden/huggingface/" + name; }

}  // namespace

TEST_CASE("checkpoint import: what is said, and where the run begins") {
  const TemporaryFolder root;
  Storage storage;
  const Called text = import_command({"import", golden("llama"), "--run", root / "run/"});
  CHECK(text.code == 0);
  CHECK_THAT(text.text, Catch::Contains("parameters (llama, float32) at step 0; moments of the optimizer are zero"));
  CHECK_THAT(text.text, Catch::Contains("continue with: ergon train " + root / "run/config.toml data.train=STORE"));
  const auto json = nlohmann::json::parse(
      import_command({"import", golden("gpt2"), "--run", root / "gpt2", "--dtype", "float64", "--data", "tokens.h5", "--json"}).text);
  CHECK(json.at("schema") == "ergon.checkpoint_import.v1");
  CHECK(json.at("dtype") == "float64");
  CHECK(json.at("format") == "gpt2");
  const std::string config = storage.read_text(root / "gpt2/config.toml");
  CHECK_THAT(config, Catch::Contains("dtype = \"float64\""));
  CHECK_THAT(config, Catch::Contains("/tokens.h5\"]"));
  storage.write_text(root / "x.pt", "x");
  const Called pickle = import_command({"import", root / "x.pt", "--run", root / "y"});
  CHECK(pickle.code == 3);
  CHECK_THAT(pickle.text, Catch::Contains("a pickle is a program"));
}

TEST_CASE("checkpoint import: training resumes from it at step 0, and refuses another model") {
  const test::TinyRun tiny;
  test::InspectingStorage storage;
  RunConfig config = tiny.config({"train.evaluate_every=0", "train.steps=2"});
  test::save_model(storage, tiny.folder / "source", config.model, at::kDouble);
  CHECK(import_command({"import", tiny.folder / "source", "--run", config.run.folder}).code == 0);
  const RunResult result = tiny.run(config);
  CHECK(result.code == ExitCode::ok);
  CHECK(result.step == 2);
  CHECK(result.attempt == 1);
  // The imported model's first loss is not that of initial weights: logits have a standard deviation of 5.
  CHECK(tiny.losses(config).at(1) > 8);
  RunConfig other = tiny.config({"model.rope_theta=5e5", "run.folder=\"" + tiny.folder / "other" + "\""});
  CHECK(import_command({"import", tiny.folder / "source", "--run", other.run.folder}).code == 0);
  CHECK_THROWS_WITH(tiny.run(other), Catch::Contains("model.rope_theta is ") && Catch::Contains(", but the imported model has "));
}
