// SPDX-License-Identifier: Apache-2.0
#include "parallel/process_identity.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "configs/error.hpp"

namespace ergon {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

struct Running {
  char state = '?';
  std::int64_t start = 0;
};

// Of /proc/PID/stat; the program's name in field 2 may hold blanks and brackets, so counting starts after the last bracket.
std::optional<Running> running(std::int64_t pid) {
  const std::string line = first_line(fmt::format("/proc/{}/stat", pid));
  const std::size_t bracket = line.rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(bracket + 1));
  Running process;
  fields >> process.state;
  constexpr int state_field = 3, start_field = 22;
  std::string skipped;
  for (int field = state_field + 1; field < start_field; ++field) fields >> skipped;
  if (!(fields >> process.start)) return std::nullopt;
  return process;
}

std::string pid_namespace() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/ns/pid", ignored).string();
}

std::string job_id() {
  for (const char* name : {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "FLUX_JOB_ID"})
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  return "";
}

}  // namespace

ProcessIdentity this_process() {
  utsname system;
  ERGON_CHECK(::uname(&system) == 0, "uname failed");
  ProcessIdentity self;
  self.host = system.nodename;
  self.boot = first_line("/proc/sys/kernel/random/boot_id");
  self.pid_namespace = pid_namespace();
  self.pid = ::getpid();
  if (const std::optional<Running> me = running(self.pid)) self.start = me->start;
  self.job = job_id();
  return self;
}

ProcessState state_of(const ProcessIdentity& process) {
  const std::string boot = first_line("/proc/sys/kernel/random/boot_id");
  if (boot.empty() || process.boot != boot || process.pid_namespace.empty() || process.pid_namespace != pid_namespace())
    return ProcessState::unknown;
  const std::optional<Running> now = running(process.pid);
  if (!now) return std::filesystem::exists(fmt::format("/proc/{}", process.pid)) ? ProcessState::unknown : ProcessState::gone;
  if (now->start != process.start || now->state == 'Z' || now->state == 'X') return ProcessState::gone;
  return now->state == 'T' || now->state == 't' ? ProcessState::stopped : ProcessState::running;
}

std::string to_text(const ProcessIdentity& process) {
  std::string text = fmt::format("host {}, pid {}", process.host, process.pid);
  if (!process.job.empty()) text += ", job " + process.job;
  return text;
}

}  // namespace ergon
