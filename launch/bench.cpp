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
#include "launch/gemm_timer.hpp"
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

json case_row(const char* name, double value, const char* unit) {
  return {{"case", name}, {"value", value}, {"unit", unit}, {"baseline", nullptr}, {"ratio", nullptr}};
}

void set_baseline(json& row, const std::string& name, double value) {
  row["baseline"] = {{"name", name}, {"value", value}};
  row["ratio"] = row.at("value").get<double>() / value;
}

json result_of(const BenchLine& line, const BenchTrainResult& measured) {
  const StepSeconds& split = measured.split;
  json step = case_row("step", median(measured.tokens_per_second), "tokens/s");
  step["each"] = measured.tokens_per_second;
  step["seconds"] = {{"forward", split.forward.value},     {"backward", split.backward.value}, {"reduce", split.reduce.value},
                     {"optimizer", split.optimizer.value}, {"gemm", measured.gemm.value},      {"attention", measured.attention.value}};
  step["gemm_library"] = measured.gemm_library;
  step["peak_memory_bytes"] = measured.peak_memory.value;
  step["loss"] = measured.loss;

  const double seconds = split.forward.value + split.backward.value + split.reduce.value + split.optimizer.value;
  const std::string peak = fmt::format("peak of {} in this process, square products up to 2048", measured.gemm_library);
  json products = case_row("products alone", measured.gemm_flops / measured.gemm.value / 1e9, "GFLOP/s");
  json whole = case_row("products over the whole step", measured.gemm_flops / seconds / 1e9, "GFLOP/s");
  set_baseline(products, peak, measured.gemm_peak.value / 1e9);
  set_baseline(whole, peak, measured.gemm_peak.value / 1e9);
  return {{"schema", "ergon.bench.v1"},
          {"name", "train"},
          {"machine", {{"cpu", cpu_identity()}, {"threads", line.threads}}},
          {"config", to_toml(bench_config(line))},
          {"cases", {step, products, whole}}};
}

// ---- child processes, Ergon and PyTorch in turn: each starts fresh, and slow moments of the machine meet both

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

// One program that the step is compared with: run in turn with Ergon, it prints tokens/s.
struct Rival {
  std::string name, case_name;
  std::vector<std::string> command;
  double (*rate)(const json& output);
  std::vector<double> rates = {};
};

double pytorch_rate(const json& output) { return median(output.at("tokens_per_second").get<std::vector<double>>()); }
double ergon_rate(const json& output) { return output.at("cases")[0].at("value"); }

std::vector<Rival> rivals(const BenchLine& line, const RunConfig& config) {
  if (line.against == "fp32") {
    if (config.train.dtype == DType::float32) throw Error("this job is float32 itself", "--against fp32", "give train.dtype=bfloat16");
    std::vector<std::string> command = ergon_command(line);
    command.push_back("train.dtype=float32");
    return {{"Ergon, fresh process, float32", "step", command, ergon_rate}};
  }
  const std::vector<std::string> eager = pytorch_command(line, config);
  // glibc gives freed pages back and faults them in again; stock PyTorch pays for that in every step.
  std::vector<std::string> tuned = {"env", "MALLOC_MMAP_THRESHOLD_=1073741824", "MALLOC_TRIM_THRESHOLD_=1073741824"};
  tuned.insert(tuned.end(), eager.begin(), eager.end());
  const std::string name = "PyTorch, fresh process, eager, SDPA, fused AdamW";
  return {{name, "step", eager, pytorch_rate},
          {name + ", malloc told to keep its pages", "step, against a tuned allocator", tuned, pytorch_rate}};
}

json compare(const BenchLine& line) {
  std::vector<Rival> others = rivals(line, bench_config(line));
  std::vector<double> ours;
  json last;
  for (std::int64_t round = 1; round <= line.rounds; ++round) {
    last = json::parse(output_of(ergon_command(line)));
    ours.push_back(ergon_rate(last));
    std::string text = fmt::format("round {}/{}: Ergon {:.0f} tokens/s", round, line.rounds, ours.back());
    for (Rival& rival : others) {
      rival.rates.push_back(rival.rate(json::parse(output_of(rival.command))));
      text += fmt::format("; {}: {:.0f}", rival.name, rival.rates.back());
    }
    fmt::print(stderr, "{}\n", text);
  }
  json& cases = last["cases"];
  cases[0]["value"] = median(ours);
  set_baseline(cases[0], others[0].name, median(others[0].rates));
  for (std::size_t i = 1; i < others.size(); ++i) {
    json row = case_row(others[i].case_name.c_str(), median(ours), "tokens/s");
    set_baseline(row, others[i].name, median(others[i].rates));
    cases.push_back(row);
  }
  return last;
}

void print_text(const json& result) {
  const json& step = result.at("cases")[0];
  const auto second = [&](const char* part) { return step.at("seconds").at(part).get<double>(); };
  fmt::print("{:.0f} tokens/s  ({:.0f} MiB resident, GEMM library {})\n", step.at("value").get<double>(),
             step.at("peak_memory_bytes").get<double>() / (1 << 20), step.at("gemm_library").get<std::string>());
  const double forward = second("forward"), backward = second("backward");
  fmt::print("a step: forward {:.3f} s, backward {:.3f} s, reduce {:.3f} s, optimizer {:.3f} s\n", forward, backward, second("reduce"),
             second("optimizer"));
  fmt::print("of forward and backward: products {:.3f} s, attention {:.3f} s, the rest {:.3f} s\n", second("gemm"), second("attention"),
             forward + backward - second("gemm") - second("attention"));
  for (const json& row : result.at("cases"))
    if (!row.at("ratio").is_null())
      fmt::print("{}: {:.0f} {}, {:.2f} x {:.0f} ({})\n", row.at("case").get<std::string>(), row.at("value").get<double>(),
                 row.at("unit").get<std::string>(), row.at("ratio").get<double>(), row.at("baseline").at("value").get<double>(),
                 row.at("baseline").at("name").get<std::string>());
}

// Under run.gemm = "auto" the library is timed once, here, as a run of a thousand such steps would.
void choose_library(BenchLine& line) {
  constexpr double steps = 1000;
  const RunConfig config = bench_config(line);
  if (config.run.gemm != GemmName::automatic) return;
  double work = 0;
  for (const GemmProduct& product : step_products(config, 1)) work += steps * product.flops() * static_cast<double>(product.count);
  const GemmChoice choice = measure_gemm(config, 1, work, child_gemm_timer());
  fmt::print(stderr, "{}\n", choice.reason);
  line.overrides.push_back("run.gemm=" + choice.library);
}

int run_train(BenchLine line) {
  choose_library(line);
  const json result = line.against.empty() ? result_of(line, bench_train(bench_config(line), line.options)) : compare(line);
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
  train.choice(
      line.against, "--against", {"pytorch", "fp32"},
      "compare with the same step in PyTorch, stock and with its allocator tuned, or in our fp32: fresh processes in turn, medians");
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
