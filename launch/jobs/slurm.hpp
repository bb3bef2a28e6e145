// SPDX-License-Identifier: Apache-2.0
// What Slurm says of a job, asked by its commands; nothing where there is no Slurm, it does not answer within 10 s, or knows no such job.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "configs/quantities.hpp"

namespace ergon {

struct SlurmJob {
  std::string id, state, reason;  // PENDING, RUNNING, ...; why it waits or ended: "Resources", "NonZeroExitCode"
  std::string nodes;              // node[0-3]; empty while it has none
  std::int64_t restarts = 0;
  std::string working_folder, output;                                                 // of the batch script
  std::optional<std::chrono::system_clock::time_point> end = {};                      // of its time
  std::optional<std::chrono::system_clock::time_point> submitted = {}, started = {};  // the former or, after a requeue, when that was
  bool waits() const;      // for nodes, or for somebody to release it: it has no ranks
  bool has_begun() const;  // running, suspended, or on its way out
  bool in_queue() const { return waits() || has_begun(); }
};

// id: 1234, or 1234_5 of an array: its newest task where several answer.
std::optional<SlurmJob> slurm_job(const std::string& id);
// A line of `scontrol -o show job`. Empty for one that is none.
std::optional<SlurmJob> parse_slurm_job(const std::string& line);
// "2026-11-28T22:38:05", in the time zone of this machine. Empty for "Unknown", "N/A", "UNLIMITED".
std::optional<std::chrono::system_clock::time_point> parse_slurm_time(const std::string& text);

bool is_job_id(const std::string& text);

}  // namespace ergon
