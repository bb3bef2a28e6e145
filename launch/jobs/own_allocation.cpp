// SPDX-License-Identifier: Apache-2.0
#include "launch/jobs/own_allocation.hpp"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "configs/error.hpp"
#include "launch/runs/run_names.hpp"
#include "parallel/process_identity.hpp"

namespace ergon {
namespace {

std::optional<std::int64_t> count(const char* text) {
  const std::string_view digits = text == nullptr ? "" : text;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

Seconds moment(const std::optional<std::chrono::system_clock::time_point>& time) {
  return {time ? std::chrono::duration<double>(time->time_since_epoch()).count() : 0};
}

}  // namespace

AllocationStamp own_allocation(int ranks, const std::optional<SlurmJob>& job, const char* (*variable)(const char* name)) {
  AllocationStamp stamp;
  stamp.places = ranks;
  if (const char* places = variable("ERGON_PLACES"); places != nullptr && *places != '\0') {
    stamp.places = count(places).value_or(0);
    if (stamp.places < ranks)
      throw Error(fmt::format("'{}' is not a number of places, of which {} ranks take one each", places, ranks), "ERGON_PLACES",
                  "unset it, or set it to the places of the allocation: job scripts of `ergon launch` do", ExitCode::world);
  }
  if (const char* id = variable("SLURM_JOB_ID")) stamp.job = id;
  if (stamp.job.empty()) return stamp;
  stamp.restarts = count(variable("SLURM_RESTART_COUNT")).value_or(0);
  if (job) {
    stamp.job_submitted = moment(job->submitted);
    stamp.job_started = moment(job->started);
  }
  return stamp;
}

std::string launched_job(const std::optional<SlurmJob>& job, const char* (*variable)(const char* name)) {
  if (!job || run_of_output(job->output).empty()) return "";
  const char* array = variable("SLURM_ARRAY_JOB_ID");
  return array != nullptr ? array : job->id;
}

Clock::time_point process_start() {
  timespec since_boot = {};
  const std::int64_t ticks = this_process().start, rate = sysconf(_SC_CLK_TCK);
  if (ticks == 0 || rate <= 0 || clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) return Clock::now();
  const double now = static_cast<double>(since_boot.tv_sec) + 1e-9 * static_cast<double>(since_boot.tv_nsec);
  return Clock::now() - clock_ticks({std::max(0.0, now - static_cast<double>(ticks) / static_cast<double>(rate))});
}

}  // namespace ergon
