// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/job.hpp"

#include "configs/error.hpp"
#include "configs/parse.hpp"

namespace ergon {

RunConfig bench_config(const BenchJob& job) {
  constexpr const char* defaults = "[model]\npreset = \"gpt2-124m\"\nsequence = 64\n[train]\nbatch = 4\nmicrobatch = 4\n";
  RunConfig config = parse_run_text(defaults, "bench train", job.overrides, Purpose::describe);
  config.run.threads = job.threads;
  if (config.mesh.dp * config.mesh.pp * config.mesh.cp * config.mesh.tp != 1)
    throw Error("bench train measures one rank", "mesh", "leave mesh.dp, mesh.pp, mesh.cp and mesh.tp at 1");
  return config;
}

}  // namespace ergon
