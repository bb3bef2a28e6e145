// SPDX-License-Identifier: Apache-2.0
#include "launch/jobs/slurm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <set>
#include <span>
#include <string_view>

#include "launch/child_process.hpp"

namespace ergon {
namespace {

// What scontrol may print behind WorkDir and StdOut, over its versions: most of it only of a job that asked for it.
constexpr std::string_view behind_folder[] = {"AdminComment", "SystemComment", "Comment", "Extra", "StdErr", "StdIn", "StdOut"};
constexpr std::string_view behind_output[] = {"Switches",     "BurstBuffer", "BurstBufferState", "CPU_min_freq",
                                              "CPU_max_freq", "Power",       "GresEnforceBind",  "KillOInInvalidDependent",
                                              "SpreadJob",    "CpusPerTres", "MemPerTres",       "TresBind",
                                              "TresFreq",     "TresPerJob",  "TresPerNode",      "TresPerSocket",
                                              "TresPerTask",  "MailUser",    "MailType",         "NtasksPerTRES",
                                              "Container",    "ContainerID", "SELinuxContext"};

// Values may hold blanks (a job's name, its folder), so such a one ends where " NAME=" of one of the next fields begins.
std::string field(const std::string& line, const std::string& name, std::span<const std::string_view> next = {}) {
  const std::string key = name + "=";
  std::size_t at = line.rfind(" " + key);
  if (at != std::string::npos)
    at += 1 + key.size();
  else if (line.starts_with(key))
    at = key.size();
  else
    return "";
  std::size_t end = next.empty() ? line.find(' ', at) : line.find_last_not_of(' ') + 1;
  for (const std::string_view other : next) end = std::min(end, line.find(fmt::format(" {}=", other), at));
  const std::string value = line.substr(at, end == std::string::npos ? end : end - at);
  return value == "(null)" || value == "None" ? "" : value;
}

std::int64_t number(const std::string& text) {
  std::int64_t value = 0;
  for (const char c : text)
    if (c >= '0' && c <= '9') value = std::min<std::int64_t>(10 * value + (c - '0'), 1'000'000'000'000);
  return value;
}

}  // namespace

bool SlurmJob::waits() const {
  static const std::set<std::string> states = {"PENDING",      "CONFIGURING",  "REQUEUED",     "REQUEUE_FED",
                                               "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"};
  return states.contains(state);
}

bool SlurmJob::has_begun() const {
  static const std::set<std::string> states = {"RUNNING", "SUSPENDED", "STOPPED", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT"};
  return states.contains(state);
}

std::optional<std::chrono::system_clock::time_point> parse_slurm_time(const std::string& text) {
  std::tm time = {};
  const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  if (end == nullptr || *end != '\0') return std::nullopt;
  time.tm_isdst = -1;  // whatever holds at that date
  const std::time_t seconds = std::mktime(&time);
  if (seconds == -1) return std::nullopt;
  return std::chrono::system_clock::from_time_t(seconds);
}

std::optional<SlurmJob> parse_slurm_job(const std::string& line) {
  SlurmJob job;
  job.id = field(line, "JobId");
  job.state = field(line, "JobState");
  if (job.id.empty() || job.state.empty()) return std::nullopt;
  job.reason = field(line, "Reason");
  job.nodes = field(line, "NodeList");
  job.restarts = number(field(line, "Restarts"));
  job.working_folder = field(line, "WorkDir", behind_folder);
  job.output = field(line, "StdOut", behind_output);
  if (field(line, "TimeLimit") != "UNLIMITED") job.end = parse_slurm_time(field(line, "EndTime"));
  job.submitted = parse_slurm_time(field(line, "SubmitTime"));
  job.started = parse_slurm_time(field(line, "StartTime"));
  return job;
}

std::optional<SlurmJob> slurm_job(const std::string& id) {
  const auto answer = output_within({10}, {"scontrol", "-o", "show", "job", id});
  if (!answer) return std::nullopt;
  std::optional<SlurmJob> newest;  // lines of an array come in the order of its tasks, those that wait as one line
  for (std::size_t at = 0; at < answer->size();) {
    const std::size_t end = std::min(answer->find('\n', at), answer->size());
    const auto job = parse_slurm_job(answer->substr(at, end - at));
    if (job && (!newest || !newest->in_queue() || job->state == "RUNNING" || (newest->waits() && job->has_begun()))) newest = job;
    at = end + 1;
  }
  return newest;
}

bool is_job_id(const std::string& text) {
  return !text.empty() && text.size() < 24 && std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || c == '_'; }) &&
         text.front() != '_' && text.back() != '_';
}

}  // namespace ergon
