// SPDX-License-Identifier: Apache-2.0
// `ergon checkpoint export`: the model of a checkpoint for other programs.
#include "trainer/checkpoint/export.hpp"

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/units.hpp"
#include "launch/checkpoint/paths.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/hdf5_helper.hpp"

namespace ergon {
namespace {

struct ExportLine {
  std::string path, output, format = "safetensors", dtype, shard;
  bool json = false;
};

bool parse_line(int argc, char** argv, ExportLine& line) {
  CommandLine command("ergon checkpoint export",
                      "The model of a checkpoint in a format that other programs read; the optimizer's state stays behind");
  command.positional(line.path, "RUN|DIR", "a run folder (its newest checkpoint), or the folder of one checkpoint");
  command.option(line.output, "-o,--output", "PATH", "the folder to make, or with --format hdf5 the file", Needed::yes);
  command.choice(line.format, "--format", {"safetensors", "hdf5", "pt"},
                 "safetensors and pt: the Hugging Face layout of GPT-2 or Llama with config.json; hdf5: any model, under Ergon's names");
  command.choice(line.dtype, "--dtype", {"float32", "float64", "bfloat16", "float16"}, "round to this type; not given: as it is");
  command.option(line.shard, "--shard-size", "SIZE", "safetensors files of at most this size (5 GB)");
  command.flag(line.json, "--json", "print JSON");
  command.footer(
      "Examples:\n  ergon checkpoint export runs/demo -o demo-hf\n"
      "  ergon checkpoint export runs/demo/checkpoints/step_00001200.a0001 -o demo.h5 --format hdf5\n");
  return command.parse(argc, argv);
}

ExportOptions options_of(const ExportLine& line) {
  ExportOptions options;
  options.format = line.format == "hdf5" ? ExportFormat::hdf5 : line.format == "pt" ? ExportFormat::pt : ExportFormat::safetensors;
  if (line.dtype == "float32") options.dtype = at::kFloat;
  if (line.dtype == "float64") options.dtype = at::kDouble;
  if (line.dtype == "bfloat16") options.dtype = at::kBFloat16;
  if (line.dtype == "float16") options.dtype = at::kHalf;
  if (line.shard.empty()) return options;
  if (options.format != ExportFormat::safetensors)
    throw Error("only safetensors are cut into several files", "--shard-size", "leave it out, or use --format safetensors");
  options.shard = parse_bytes(line.shard);
  if (options.shard.value < 1) throw Error("files of no size hold nothing", "--shard-size", "give a size as \"5 GB\"");
  return options;
}

}  // namespace

int command_checkpoint_export(int argc, char** argv) {
  ExportLine line;
  if (!parse_line(argc, argv, line)) return 0;
  const ExportOptions options = options_of(line);
  line.output = without_slashes(line.output);

  Storage storage(hdf5_helper());
  const CheckpointReader checkpoint = named_checkpoint(storage, line.path);
  const ExportResult result = export_model(storage, checkpoint, line.output, options);
  const std::int64_t step = checkpoint.state().step;
  if (line.json) {
    std::cout << nlohmann::ordered_json{{"schema", "ergon.checkpoint_export.v1"},
                                        {"checkpoint", checkpoint.folder()},
                                        {"step", step},
                                        {"output", line.output},
                                        {"format", line.format},
                                        {"layout", result.layout},
                                        {"tensors", result.tensors},
                                        {"bytes", result.bytes.value}}
                     .dump(2)
              << "\n";
    return 0;
  }
  std::cout << fmt::format("{}: {} tensors of step {} in the layout of {}, {} bytes\n", line.output, result.tensors, step, result.layout,
                           result.bytes.value);
  return 0;
}

}  // namespace ergon
