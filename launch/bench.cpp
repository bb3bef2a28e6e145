// SPDX-License-Identifier: Apache-2.0
// `ergon bench`: speed of this build on this machine, as programs with a JSON result.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/key_table.hpp"
#include "configs/parse.hpp"
#include "configs/supported.hpp"
#include "launch/bench_pytorch_script.hpp"
#include "launch/bench_train.hpp"
#include "launch/child_process.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/identity.hpp"

namespace ergon {
namespace {

using nlohmann::json;

// The default job; every key can be overridden on the line.
constexpr const char* bench_file = "[model]\npreset = \"gpt2-124m\"\nsequence = 64\n[train]\nbatch = 4\nmicrobatch = 4\n";

struct BenchLine {
  std::vector<std::string> overrides;
  std::int64_t threads = 1, rounds = 3;
  BenchTrainOptions options;
  std::string against, python;
  bool json = false;
};

RunConfig bench_config(const BenchLine& line) {
  RunConfig config = parse_run_text(bench_file, "bench train", line.overrides, Purpose::describe);
  config.run.threads = line.threads;
  require_supported(config);
  if (config.mesh.dp * config.mesh.tp != 1) throw Error("bench train measures one rank", "mesh", "leave mesh.dp and mesh.tp at 1");
  return config;
}

// ---- this process measures Ergon

json measure(const BenchLine& line) {
  const BenchTrainResult result = bench_train(bench_config(line), line.options);
  return {{"tokens_per_second", result.tokens_per_second},
          {"seconds",
           {{"forward", result.split.forward.value},
            {"backward", result.split.backward.value},
            {"reduce", result.split.reduce.value},
            {"optimizer", result.split.optimizer.value}}},
          {"peak_memory_bytes", result.peak_memory.value},
          {"loss", result.loss}};
}

// ---- child processes, Ergon and PyTorch in turn: each starts fresh, and slow moments of the machine meet both

std::string own_path() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

std::vector<std::string> ergon_command(const BenchLine& line) {
  std::vector<std::string> command = {own_path(),  "bench",
                                      "train",     "--json",
                                      "--threads", std::to_string(line.threads),
                                      "--steps",   std::to_string(line.options.steps),
                                      "--warmup",  std::to_string(line.options.warmup)};
  command.insert(command.end(), line.overrides.begin(), line.overrides.end());
  return command;
}

std::string python_path(const BenchLine& line) {
  if (!line.python.empty()) return line.python;
  const std::filesystem::path found = std::filesystem::path(own_path()).parent_path().parent_path() / ".venv-torch/bin/python";
  if (std::filesystem::exists(found)) return found.string();
  throw Error("no Python with PyTorch", "--against pytorch", "run launch/setup.sh --python-torch, or name one with --python");
}

std::vector<std::string> pytorch_command(const BenchLine& line, const RunConfig& config) {
  const ModelShape& m = config.model;
  if (m.window != 0 || m.dropout != 0)
    throw Error("the PyTorch side knows neither windows nor dropout", "--against pytorch", "leave model.window and model.dropout at 0");
  if (config.train.dtype != DType::float32) throw Error("the comparison is made in float32", "train.dtype", "leave train.dtype at float32");
  const json shape = {{"layers", m.layers},
                      {"width", m.width},
                      {"heads", m.heads},
                      {"kv_heads", m.kv_heads},
                      {"head_width", m.head_width},
                      {"ffn_width", m.ffn_width},
                      {"vocabulary", m.vocabulary},
                      {"sequence", m.sequence},
                      {"norm", m.norm == Norm::layernorm ? "layernorm" : "rmsnorm"},
                      {"positions", m.positions == Positions::learned  ? "learned"
                                    : m.positions == Positions::rotary ? "rotary"
                                                                       : "none"},
                      {"mlp", m.mlp == Mlp::gelu ? "gelu" : "swiglu"},
                      {"biases", m.biases},
                      {"tied", m.tied},
                      {"rope_theta", m.rope_theta},
                      {"norm_epsilon", m.norm_epsilon},
                      {"init_std", m.init_std},
                      {"threads", line.threads},
                      {"microbatch", config.train.microbatch},
                      {"accumulation", config.train.batch / config.train.microbatch},
                      {"steps", line.options.steps},
                      {"warmup", line.options.warmup}};
  return {python_path(line), "-c", bench_pytorch_script, shape.dump()};
}

double round_median(const json& cases) { return median(cases.at("tokens_per_second").get<std::vector<double>>()); }

json compare(const BenchLine& line) {
  const RunConfig config = bench_config(line);
  const std::vector<std::string> pytorch = pytorch_command(line, config);
  std::vector<double> ours, theirs;
  json last;
  for (std::int64_t round = 1; round <= line.rounds; ++round) {
    last = json::parse(output_of(ergon_command(line)));
    ours.push_back(last.at("cases")[0].at("value"));
    theirs.push_back(round_median(json::parse(output_of(pytorch))));
    fmt::print(stderr, "round {}/{}: Ergon {:.0f}, PyTorch {:.0f} tokens/s\n", round, line.rounds, ours.back(), theirs.back());
  }
  const double value = median(ours), baseline = median(theirs);
  last["cases"][0]["value"] = value;
  last["cases"][0]["baseline"] = {{"name", "PyTorch, fresh process, eager, SDPA, fused AdamW"}, {"value", baseline}};
  last["cases"][0]["ratio"] = value / baseline;
  return last;
}

json result_of(const BenchLine& line, const json& measured) {
  return {{"schema", "ergon.bench.v1"},
          {"name", "train"},
          {"machine", {{"cpu", cpu_identity()}, {"threads", line.threads}}},
          {"config", to_toml(bench_config(line))},
          {"cases", json::array({{{"case", "step"},
                                  {"value", median(measured.at("tokens_per_second").get<std::vector<double>>())},
                                  {"unit", "tokens/s"},
                                  {"baseline", nullptr},
                                  {"ratio", nullptr},
                                  {"each", measured.at("tokens_per_second")},
                                  {"seconds", measured.at("seconds")},
                                  {"peak_memory_bytes", measured.at("peak_memory_bytes")},
                                  {"loss", measured.at("loss")}}})}};
}

void print_text(const json& result) {
  const json& row = result.at("cases")[0];
  const json& seconds = row.at("seconds");
  fmt::print("{:.0f} tokens/s  ({:.0f} MiB resident)\n", row.at("value").get<double>(),
             row.at("peak_memory_bytes").get<double>() / (1 << 20));
  fmt::print("a step: forward {:.3f} s, backward {:.3f} s, reduce {:.3f} s, optimizer {:.3f} s\n", seconds.at("forward").get<double>(),
             seconds.at("backward").get<double>(), seconds.at("reduce").get<double>(), seconds.at("optimizer").get<double>());
  if (!row.at("ratio").is_null())
    fmt::print("{:.2f} x {} ({:.0f} tokens/s)\n", row.at("ratio").get<double>(), row.at("baseline").at("name").get<std::string>(),
               row.at("baseline").at("value").get<double>());
}

int run_train(const BenchLine& line) {
  const json result = line.against.empty() ? result_of(line, measure(line)) : compare(line);
  if (line.json)
    std::cout << result.dump(2) << std::endl;
  else
    print_text(result);
  return 0;
}

}  // namespace

int command_bench(int argc, char** argv) {
  BenchLine line;
  CommandLine command("ergon bench", "Speed of this build on this machine.");
  CommandLine& train = command.subcommand("train", "Training steps on synthetic tokens, one rank: tokens/s and where the time goes.");
  train.rest(line.overrides, "KEY=VALUE",
             "keys of a run file; the default job is gpt2-124m with model.sequence=64 train.batch=4 train.microbatch=4");
  train.option(line.threads, "--threads", "N", "threads (1)");
  train.option(line.options.steps, "--steps", "N", "counted steps (5)");
  train.option(line.options.warmup, "--warmup", "N", "steps before them (2)");
  train.choice(line.against, "--against", {"pytorch"}, "compare with the same step in PyTorch: fresh processes in turn, medians");
  train.option(line.rounds, "--rounds", "N", "pairs of processes for --against (3)");
  train.option(line.python, "--python", "PATH", "a Python with PyTorch for --against (.venv-torch of this checkout)");
  train.flag(line.json, "--json", "print JSON");
  if (!command.parse(argc, argv)) return 0;
  if (line.options.steps < 1 || line.threads < 1 || line.rounds < 1 || line.options.warmup < 0)
    throw Error("--steps, --threads and --rounds are at least 1, --warmup at least 0", "ergon bench train",
                "leave them out for the defaults");
  return run_train(line);
}

}  // namespace ergon
