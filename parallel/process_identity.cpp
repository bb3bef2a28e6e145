// SPDX-License-Identifier: Apache-2.0
#include "parallel/process_identity.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "configs/error.hpp"
#include "parallel/process_stat.hpp"

namespace ergon {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
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
  if (const auto me = read_process_stat("/proc/self")) self.start = me->start;
  self.job = job_id();
  return self;
}

ProcessState state_of(const ProcessIdentity& process) {
  const std::string boot = first_line("/proc/sys/kernel/random/boot_id");
  if (boot.empty() || process.boot != boot || process.pid_namespace.empty() || process.pid_namespace != pid_namespace())
    return ProcessState::unknown;
  const std::string folder = fmt::format("/proc/{}", process.pid);
  const std::optional<ProcessStat> now = read_process_stat(folder);
  if (!now) return std::filesystem::exists(folder) ? ProcessState::unknown : ProcessState::gone;
  if (now->start != process.start || is_dead(*now)) return ProcessState::gone;
  return is_stopped(*now) ? ProcessState::stopped : ProcessState::running;
}

std::string to_text(const ProcessIdentity& process) {
  std::string text = fmt::format("host {}, pid {}", process.host, process.pid);
  if (!process.job.empty()) text += ", job " + process.job;
  return text;
}

}  // namespace ergon
