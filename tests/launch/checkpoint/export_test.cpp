// SPDX-License-Identifier: Apache-2.0
// `ergon checkpoint export` on a run made here; what lies in the files is tested in tests/trainer/checkpoint.
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

Called export_command(std::vector<std::string> arguments) {
  try {
    return test::call(command_checkpoint, "checkpoint", std::move(arguments));
  } catch (const Error& error) {
    return {static_cast<int>(error.code()), error.what()};
  }
}

}  // namespace

TEST_CASE("checkpoint export: the newest checkpoint of a run, in each format") {
  const TemporaryFolder root;
  Storage storage;
  const std::string folder = test::save_model(storage, root / "run", test::tiny_llama());
  const Called text = export_command({"export", root / "run", "-o", root / "hf/"});
  CHECK(text.code == 0);
  CHECK_THAT(text.text, Catch::Contains(root / "hf" + ": 21 tensors of step 7 in the layout of llama, "));
  CHECK(storage.list(root / "hf") == std::vector<std::string>{"config.json", "model.safetensors"});
  const auto json = nlohmann::json::parse(export_command({"export", folder, "-o", root / "x.h5", "--format", "hdf5", "--json"}).text);
  CHECK(json.at("schema") == "ergon.checkpoint_export.v1");
  CHECK(json.at("layout") == "ergon");
  CHECK(json.at("checkpoint") == folder);
  CHECK(json.at("bytes") == storage.size(root / "x.h5"));
  CHECK(export_command({"export", root / "run", "-o", root / "pt", "--format", "pt", "--dtype", "bfloat16"}).code == 0);
  CHECK(storage.exists(root / "pt/pytorch_model.bin"));
  CHECK(export_command({"export", root / "run", "-o", root / "cut", "--shard-size", "4 kB"}).code == 0);
  CHECK(storage.exists(root / "cut/model.safetensors.index.json"));
}

TEST_CASE("checkpoint export: lines that are refused") {
  const TemporaryFolder root;
  Storage storage;
  test::save_model(storage, root / "run", test::tiny_gpt2("positions=\"none\""));
  CHECK_THAT(export_command({"export", root / "run", "-o", root / "hf"}).text, Catch::Contains("model.positions = none"));
  CHECK_THAT(export_command({"export", root / "run", "-o", root / "x", "--format", "onnx"}).text, Catch::Contains("onnx"));
  CHECK_THAT(export_command({"export", root / "run", "-o", root / "x", "--format", "pt", "--shard-size", "1 GB"}).text,
             Catch::Contains("only safetensors are cut into several files"));
  CHECK_THAT(export_command({"export", root / "run", "-o", root / "x", "--shard-size", "0 B"}).text,
             Catch::Contains("files of no size hold nothing"));
  CHECK_THAT(export_command({"export", root.path(), "-o", root / "x"}).text, Catch::Contains("neither a checkpoint nor a run folder"));
}
