// SPDX-License-Identifier: Apache-2.0
// `ergon mfu`: the share of its devices' peak that a job reached which Ergon did not run.
#include <iostream>

#include "accounting/flops/described_run.hpp"
#include "accounting/report/utilisation.hpp"
#include "configs/error.hpp"
#include "configs/names.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"

namespace ergon {
namespace {

struct MfuArguments {
  std::string config, device, attention = "full", kernel = "plain", dtype = "bfloat16";
  std::vector<std::string> overrides;
  double tokens_per_second = 0, peak = 0;
  std::int64_t devices = 0, sequence = 0;
  bool json = false;
};

DType dtype_of(const std::string& word) {
  for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16})
    if (word == choice_name(dtype)) return dtype;
  ERGON_CHECK(false, "dtype {}", word);
  return DType::bfloat16;
}

void find_peak(const CommandLine& line, const MfuArguments& arguments, JobThroughput& job) {
  const DType dtype = dtype_of(arguments.dtype);
  if (!line.given("--peak") && !line.given("--device"))
    throw Error("which device the job ran on is missing", "--device",
                fmt::format("one of {}, or --peak FLOP/s", fmt::join(device_ids(), " ")));
  if (line.given("--device")) {
    job.peak = device_peak(arguments.device, dtype);
    if (!job.peak) job.no_peak = unknown_peak_reason(arguments.device, dtype);
  }
  if (line.given("--peak")) job.peak = Peak{{arguments.peak}, "given by --peak"};
}

JobThroughput job_of(const CommandLine& line, const MfuArguments& arguments) {
  const RunConfig config = described_run(arguments.config, arguments.overrides);
  JobThroughput job;
  job.title = arguments.config;
  job.shape = config.model;
  job.length = line.given("--sequence") ? arguments.sequence : config.model.sequence;
  if (job.length < 1 || job.length > 1 << 24)
    throw Error(fmt::format("a sequence of {} tokens", job.length), "--sequence", "1 to 16777216; leave it out to take model.sequence");
  job.tokens_per_second = arguments.tokens_per_second;
  job.devices = arguments.devices;
  job.attention = arguments.attention == "full" ? CountedPairs::full : CountedPairs::half;
  job.kernel = arguments.kernel == "plain" ? CoreKernel::plain : CoreKernel::flash;
  find_peak(line, arguments, job);
  return job;
}

}  // namespace

int command_mfu(int argc, char** argv) {
  MfuArguments arguments;
  CommandLine line("ergon mfu", "model and hardware FLOPs utilisation of a job that Ergon did not run");
  line.positional(arguments.config, "CONFIG", "a run file, a file with only [model], a config.json of Hugging Face, or a preset");
  line.rest(arguments.overrides, "KEY=VALUE", "keys of the run file");
  line.option(arguments.tokens_per_second, "--tokens-per-second", "X", "of the whole job", Needed::yes);
  line.option(arguments.devices, "--devices", "N", "that the job ran on", Needed::yes);
  line.option(arguments.device, "--device", "ID", fmt::format("{}; in any case", fmt::join(device_ids(), " ")));
  line.choice(arguments.dtype, "--dtype", {"bfloat16", "float32", "float64"}, "of the products, for the peak (default: bfloat16)");
  line.option(arguments.peak, "--peak", "FLOP/S", "of one device, dense; instead of the table's");
  line.option(arguments.sequence, "--sequence", "N", "tokens of a sequence (default: model.sequence)");
  line.choice(arguments.attention, "--attention", {"causal", "full"}, "pairs that HFU counts: full s x s (default) or half of them");
  line.choice(arguments.kernel, "--kernel", {"plain", "flash"}, "HFU's attention backward: 2 x its forward (plain, default) or 2.5 x");
  line.flag(arguments.json, "--json", "print JSON, schema ergon.mfu.v1");
  line.footer(
      "Peaks are dense, with their source (configs/devices.toml); a peak that nobody could source is unknown, and every figure is then "
      "null with\n"
      "the reason.\n\nExamples:\n  ergon mfu llama3-8b --tokens-per-second 14451 --devices 1 --device h100-sxm\n"
      "  ergon mfu config.json --tokens-per-second 1.2e6 --devices 8 --device H200 --attention causal --kernel flash --json\n");
  if (!line.parse(argc, argv)) return 0;
  const Utilisation utilisation = utilisation_of(job_of(line, arguments));
  std::cout << (arguments.json ? utilisation_json(utilisation) : utilisation_text(utilisation)) << std::flush;
  return 0;
}

}  // namespace ergon
