// SPDX-License-Identifier: Apache-2.0
// `ergon checkpoint import`: a run that begins with the parameters of another model.
#include "trainer/checkpoint/import.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "launch/checkpoint/paths.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/hdf5_helper.hpp"
#include "trainer/checkpoint/format.hpp"

namespace ergon {
namespace {

struct ModelImportLine {
  std::string path, dtype;
  ImportOfModel options;
  bool json = false;
};

bool parse_line(int argc, char** argv, ModelImportLine& line) {
  CommandLine command("ergon checkpoint import",
                      "A run folder that begins with the parameters of a model, at step 0, with an optimizer that has seen nothing");
  command.positional(line.path, "MODEL",
                     "a folder with config.json (GPT-2 or Llama) and safetensors, a file of `export --format hdf5`, or a checkpoint");
  command.option(line.options.run_folder, "--run", "FOLDER", "the run folder to make", Needed::yes);
  command.option(line.options.data, "--data", "STORE", "a token store for data.train in its config.toml; may be given several times");
  command.choice(line.dtype, "--dtype", {"float32", "float64"},
                 "of the checkpoint: what train.dtype needs (float32 for bfloat16 too); not given: float64 if the model is, else float32");
  command.flag(line.json, "--json", "print JSON");
  command.footer(
      "Examples:\n  ergon checkpoint import gpt2/ --run runs/tuned --data tokens.h5\n  ergon train runs/tuned/config.toml "
      "optimizer.lr=1e-5\n");
  return command.parse(argc, argv);
}

}  // namespace

int command_checkpoint_import(int argc, char** argv) {
  ModelImportLine line;
  if (!parse_line(argc, argv, line)) return 0;
  ImportOfModel& options = line.options;
  options.run_folder = without_slashes(options.run_folder);
  for (std::string& store : options.data) store = std::filesystem::absolute(store).lexically_normal().string();
  if (!line.dtype.empty()) options.dtype = line.dtype == "float64" ? at::kDouble : at::kFloat;
  options.source = line.path = without_slashes(line.path);

  Storage storage(hdf5_helper());
  std::vector<std::string> messages;
  const ForeignModel model = open_model(storage, line.path, messages);
  for (const std::string& message : messages) fmt::print(stderr, "{}\n", message);
  const ImportedRun run = import_model(storage, model, options);
  const std::string config = options.run_folder + "/config.toml";
  if (line.json) {
    std::cout << nlohmann::ordered_json{{"schema", "ergon.checkpoint_import.v1"},
                                        {"model", line.path},
                                        {"format", model.format},
                                        {"run", options.run_folder},
                                        {"config", config},
                                        {"checkpoint", run.checkpoint},
                                        {"parameters", run.parameters},
                                        {"dtype", stored_dtype_name(run.dtype)}}
                     .dump(2)
              << "\n";
    return 0;
  }
  std::cout << fmt::format("{}: {} parameters ({}, {}) at step 0; moments of the optimizer are zero\n", run.checkpoint, run.parameters,
                           model.format, stored_dtype_name(run.dtype))
            << fmt::format("continue with: ergon train {}{}\n", config, options.data.empty() ? " data.train=STORE" : "");
  return 0;
}

}  // namespace ergon
