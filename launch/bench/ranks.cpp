// SPDX-License-Identifier: Apache-2.0
#include "launch/bench/ranks.hpp"

#include <fmt/format.h>

#include <charconv>

#include "configs/error.hpp"
#include "launch/child_process.hpp"
#include "launch/identity.hpp"

namespace ergon {

std::vector<std::int64_t> parse_counts(const std::string& text, const std::string& option, std::int64_t least) {
  std::vector<std::int64_t> counts;
  const char *at = text.data(), *end = at + text.size();
  for (;;) {
    std::int64_t count = 0;
    const auto [next, code] = std::from_chars(at, end, count);
    const bool larger = code == std::errc() && count >= least && (counts.empty() || count > counts.back());
    if (!larger || (next != end && *next != ','))
      throw Error(fmt::format("'{}' is no list of increasing numbers of at least {}", text, least), option, option + " 2,4 for instance");
    counts.push_back(count);
    if (next == end) return counts;
    at = next + 1;
  }
}

RankStarter find_rank_starter(const Launcher& launcher, const char* (*variable)(const char* name)) {
  if (variable("OMPI_COMM_WORLD_SIZE"))
    throw Error("this benchmark starts its ranks itself, and mpirun has started it already", "mpirun", "leave mpirun out of the line",
                ExitCode::world);
  require_mpirun(launcher);
  return {launcher.mpirun};
}

nlohmann::json run_bench_ranks(const RankStarter& starter, std::int64_t ranks, const std::string& name, const nlohmann::json& job) {
  // Ranks may be more than cores, and those that wait leave theirs to others.
  const std::string answer = output_of({starter.mpirun, "-n", std::to_string(ranks), "--oversubscribe", "--bind-to", "none", "--mca",
                                        "mpi_yield_when_idle", "1", own_path(), "bench-rank", name, job.dump()});
  nlohmann::json result = nlohmann::json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (!result.is_object())
    throw Error(fmt::format("{} ranks answered no JSON: '{}'", ranks, answer.substr(0, 200)), starter.mpirun, "see what they said above",
                ExitCode::world);
  return result;
}

nlohmann::json bench_machine() { return {{"cpu", cpu_identity()}, {"cores", usable_cores()}}; }

}  // namespace ergon
