// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/rivals.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "configs/error.hpp"
#include "launch/bench/pytorch_script.hpp"
#include "launch/bench/result.hpp"
#include "launch/bench/rounds.hpp"
#include "launch/child_process.hpp"

namespace ergon {
namespace {

using nlohmann::json;

std::vector<std::string> ergon_command(const BenchJob& job) {
  std::vector<std::string> command = {own_path(),  "bench",
                                      "train",     "--json",
                                      "--threads", std::to_string(job.threads),
                                      "--steps",   std::to_string(job.options.steps),
                                      "--warmup",  std::to_string(job.options.warmup)};
  command.insert(command.end(), job.overrides.begin(), job.overrides.end());
  return command;
}

std::vector<std::string> pytorch_command(const BenchJob& job, const RunConfig& config) {
  const ModelShape& m = config.model;
  if (!m.causal) throw Error("the PyTorch side has a causal mask", "--against pytorch", "leave model.causal at true");
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
                      {"threads", job.threads},
                      {"microbatch", config.train.microbatch},
                      {"accumulation", config.train.batch / config.train.microbatch},
                      {"steps", job.options.steps},
                      {"warmup", job.options.warmup}};
  return {python_with_torch(job.python), "-c", bench_pytorch_script, shape.dump()};
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

json answer_of(const std::vector<std::string>& command) {
  const json answer = json::parse(output_of(command), nullptr, /*allow_exceptions=*/false);
  if (answer.is_object()) return answer;
  throw Error("this program did not answer with a result", command.front(), "run it by hand to see what it says");
}

double rate_of(const Rival& rival) {
  const json answer = answer_of(rival.command);
  try {
    return rival.rate(answer);
  } catch (const json::exception& error) {
    throw Error(fmt::format("the answer of {} has no speed: {}", rival.name, error.what()), "--against",
                "name the Python of --python-torch");
  }
}

std::vector<Rival> rivals(const BenchJob& job, const RunConfig& config) {
  if (job.against == "fp32") {
    if (config.train.dtype == DType::float32) throw Error("this job is float32 itself", "--against fp32", "give train.dtype=bfloat16");
    std::vector<std::string> command = ergon_command(job);
    command.push_back("train.dtype=float32");
    return {{"Ergon, fresh process, float32", "step", command, ergon_rate}};
  }
  const std::vector<std::string> eager = pytorch_command(job, config);
  // glibc gives freed pages back and faults them in again; stock PyTorch pays for that in every step.
  std::vector<std::string> tuned = {"env", "MALLOC_MMAP_THRESHOLD_=1073741824", "MALLOC_TRIM_THRESHOLD_=1073741824"};
  tuned.insert(tuned.end(), eager.begin(), eager.end());
  const std::string name = "PyTorch, fresh process, eager, SDPA, fused AdamW";
  return {{name, "step", eager, pytorch_rate},
          {name + ", malloc told to keep its pages", "step, against a tuned allocator", tuned, pytorch_rate}};
}

}  // namespace

std::string python_with_torch(const std::string& given) {
  if (!given.empty()) {
    if (access(given.c_str(), X_OK) == 0) return given;
    throw Error(fmt::format("this Python cannot be started: {}", std::strerror(errno)), "--python",
                "check the path and that it is executable");
  }
  const std::filesystem::path found = std::filesystem::path(own_path()).parent_path().parent_path() / ".venv-torch/bin/python";
  if (std::filesystem::exists(found)) return found.string();
  throw Error("no Python with PyTorch", "--against pytorch", "run launch/setup.sh --python-torch, or name one with --python");
}

void check_rivals(const BenchJob& job) { (void)rivals(job, bench_config(job)); }

json compare_with_rivals(const BenchJob& job) {
  std::vector<Rival> others = rivals(job, bench_config(job));
  std::vector<double> ours;
  json last;
  for (std::int64_t round = 1; round <= job.rounds; ++round) {
    last = answer_of(ergon_command(job));
    ours.push_back(ergon_rate(last));
    std::string text = fmt::format("round {}/{}: Ergon {:.0f} tokens/s", round, job.rounds, ours.back());
    for (Rival& rival : others) {
      rival.rates.push_back(rate_of(rival));
      text += fmt::format("; {}: {:.0f}", rival.name, rival.rates.back());
    }
    fmt::print(stderr, "{}\n", text);
  }
  json& cases = last["cases"];
  cases[0]["value"] = median(ours);
  set_baseline(cases[0], others[0].name, median(others[0].rates));
  for (std::size_t i = 1; i < others.size(); ++i) {
    json row = case_row(others[i].case_name, median(ours), "tokens/s");
    set_baseline(row, others[i].name, median(others[i].rates));
    cases.push_back(row);
  }
  return last;
}

}  // namespace ergon
