// SPDX-License-Identifier: Apache-2.0
// `ergon bench`: speed of this build on this machine, as programs with a JSON result.
#include <fmt/format.h>

#include <iostream>

#include "configs/error.hpp"
#include "launch/bench_result.hpp"
#include "launch/bench_rivals.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/gemm_timer.hpp"

namespace ergon {
namespace {

// Under run.gemm = "auto" the library is timed once, here, as a run of a thousand such steps would.
void choose_library(BenchJob& job) {
  constexpr double steps = 1000;
  const RunConfig config = bench_config(job);
  if (config.run.gemm != GemmName::automatic) return;
  double work = 0;
  for (const GemmProduct& product : step_products(config, 1)) work += steps * product.flops() * static_cast<double>(product.count);
  const GemmChoice choice = measure_gemm(config, 1, work, child_gemm_timer());
  fmt::print(stderr, "{}\n", choice.reason);
  job.overrides.push_back("run.gemm=" + choice.library);
}

}  // namespace

int command_bench(int argc, char** argv) {
  BenchJob job;
  bool as_json = false;
  CommandLine command("ergon bench", "Speed of this build on this machine.");
  CommandLine& train = command.subcommand("train", "Training steps on synthetic tokens, one rank: tokens/s and where the time goes.");
  train.rest(job.overrides, "KEY=VALUE",
             "keys of a run file; the default job is gpt2-124m with model.sequence=64 train.batch=4 train.microbatch=4");
  train.option(job.threads, "--threads", "N", "threads (1)");
  train.option(job.options.steps, "--steps", "N", "counted steps (5)");
  train.option(job.options.warmup, "--warmup", "N", "steps before them (2)");
  train.choice(
      job.against, "--against", {"pytorch", "fp32"},
      "compare with the same step in PyTorch, stock and with its allocator tuned, or in our fp32: fresh processes in turn, medians");
  train.option(job.rounds, "--rounds", "N", "pairs of processes for --against (3)");
  train.option(job.python, "--python", "PATH", "a Python with PyTorch for --against (.venv-torch of this checkout)");
  train.flag(as_json, "--json", "print JSON");
  if (!command.parse(argc, argv)) return 0;
  if (job.options.steps < 1 || job.threads < 1 || job.rounds < 1 || job.options.warmup < 0)
    throw Error("--steps, --threads and --rounds are at least 1, --warmup at least 0", "ergon bench train",
                "leave them out for the defaults");
  if (!job.against.empty()) check_rivals(job);
  choose_library(job);
  const nlohmann::json result =
      job.against.empty() ? bench_result(job, bench_train(bench_config(job), job.options)) : compare_with_rivals(job);
  std::cout << (as_json ? result.dump(2) + "\n" : bench_text(result)) << std::flush;
  return 0;
}

}  // namespace ergon
