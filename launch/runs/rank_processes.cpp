// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/rank_processes.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "parallel/process_stat.hpp"

namespace ergon {
namespace {

namespace fs = std::filesystem;

// Of /proc/PID/environ: what the process was started with, each entry ended by a zero byte. Empty: not there.
std::string variable(const std::string& environment, const std::string& name) {
  const std::string key = name + "=";
  for (std::size_t at = 0; at < environment.size();) {
    const std::size_t end = std::min(environment.find('\0', at), environment.size());
    if (environment.compare(at, key.size(), key) == 0) return environment.substr(at + key.size(), end - at - key.size());
    at = end + 1;
  }
  return "";
}

std::string environment_of(const std::string& folder) {
  std::ifstream file(folder + "/environ", std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::optional<std::int64_t> whole_number(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || text.empty() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "4" or "4(x2)": the same on all nodes. Where nodes differ, nobody knows which of them this is.
std::optional<std::int64_t> same_on_all_nodes(const std::string& tasks) {
  if (tasks.find(',') != std::string::npos) return std::nullopt;
  return whole_number(tasks.substr(0, tasks.find('(')));
}

}  // namespace

const std::map<std::int64_t, RankProcess>& RankProcesses::look(std::int64_t rank_zero, Clock::time_point now) {
  if (rank_zero != rank_zero_) {
    rank_zero_ = rank_zero;
    searched_.reset();
    processes_.clear();
    seen_.clear();
    add(0, rank_zero);
    const std::string environment = environment_of(folder(rank_zero));
    job_ = variable(environment, "PMIX_NAMESPACE");
    started_here_ = whole_number(variable(environment, "OMPI_COMM_WORLD_LOCAL_SIZE"));
    if (!started_here_) started_here_ = same_on_all_nodes(variable(environment, "SLURM_STEP_TASKS_PER_NODE"));
  }
  constexpr Seconds between_searches = {5};
  if (!job_.empty() && (!searched_ || since(*searched_, now) >= between_searches)) {
    search();
    searched_ = now;
  }
  for (auto& [rank, process] : processes_) update(rank, process, since(last_, now));
  last_ = now;
  return processes_;
}

// A rank's own children have its environment, and are younger than it.
void RankProcesses::search() {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(proc_, ignored)) {
    const auto pid = whole_number(entry.path().filename().string());
    if (!pid) continue;
    const std::string environment = environment_of(entry.path().string());
    if (variable(environment, "PMIX_NAMESPACE") != job_) continue;
    if (const auto rank = whole_number(variable(environment, "PMIX_RANK")); rank && *rank != 0) add(*rank, *pid);
  }
}

void RankProcesses::add(std::int64_t rank, std::int64_t pid) {
  const auto stat = read_process_stat(folder(pid));
  const bool known = seen_.contains(rank);
  if (!stat || (known && seen_[rank].start <= stat->start)) return;
  processes_[rank] = RankProcess{pid, RankProcess::State::running, {}, {}};
  seen_[rank] = {stat->start, -1};
}

void RankProcesses::update(std::int64_t rank, RankProcess& process, Seconds passed) {
  Seen& seen = seen_[rank];
  const auto stat = read_process_stat(folder(process.pid));
  process.processors.reset();
  if (!stat || is_dead(*stat) || stat->start != seen.start) {
    process.state = RankProcess::State::gone;
    process.resident = {};
    return;
  }
  process.state = is_stopped(*stat) ? RankProcess::State::stopped : RankProcess::State::running;
  process.resident = {stat->resident_pages * sysconf(_SC_PAGESIZE)};
  if (seen.ticks >= 0 && passed.value > 0)
    process.processors = static_cast<double>(stat->ticks - seen.ticks) / static_cast<double>(sysconf(_SC_CLK_TCK)) / passed.value;
  seen.ticks = stat->ticks;
}

const char* name(RankProcess::State state) {
  switch (state) {
    case RankProcess::State::running:
      return "running";
    case RankProcess::State::stopped:
      return "stopped";
    case RankProcess::State::gone:
      return "gone";
  }
  return "";
}

}  // namespace ergon
