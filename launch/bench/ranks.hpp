// SPDX-License-Identifier: Apache-2.0
// Benchmarks over several ranks: this program starts mpirun on itself, once for each number of ranks, and rank 0 answers in JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "launch/doctor/machine.hpp"

namespace ergon {

// "2,4" of `option`. Throws Error for anything but increasing numbers of at least `least`.
std::vector<std::int64_t> parse_counts(const std::string& text, const std::string& option, std::int64_t least);

// How ranks are started here. `variable` looks up the environment: null where a variable is not set. Throws Error (ExitCode::world) where
// mpirun is missing, refuses root, or has started this process itself.
struct RankStarter {
  std::string mpirun;
};
RankStarter find_rank_starter(const Launcher& launcher, const char* (*variable)(const char* name));

// What `ergon bench-rank NAME JOB` answers on so many ranks; its progress goes to stderr. Throws Error when they fail.
nlohmann::json run_bench_ranks(const RankStarter& starter, std::int64_t ranks, const std::string& name, const nlohmann::json& job);

// For "machine" of a result: the processor, and the cores that may be used.
nlohmann::json bench_machine();

}  // namespace ergon
