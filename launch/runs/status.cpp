// SPDX-License-Identifier: Apache-2.0
// `ergon status`: how a run stands, for people and for the scripts of jobs.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "configs/error.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/jobs/slurm.hpp"
#include "launch/runs/run_names.hpp"
#include "launch/runs/run_status.hpp"

namespace ergon {
namespace {

std::string queue_line(const SlurmJob& job) {
  std::string line = fmt::format("  Slurm: job {} {}", job.id, job.state);
  if (!job.nodes.empty()) line += " on " + job.nodes;
  if (!job.reason.empty()) line += ", " + job.reason;
  if (job.restarts > 0) line += fmt::format(", restarted {} times", job.restarts);
  return line + "\n";
}

}  // namespace

int command_status(int argc, char** argv) {
  std::string run, job;
  bool json = false, outcome = false, stalled = false;
  CommandLine line("ergon status", "how a run stands: attempt, step, loss, who trains it, how it ended, its job");
  line.positional(run, "RUN|JOB", "the folder of a run, or the number of its Slurm job");
  line.flag(json, "--json", "print JSON, schema ergon.status.v1");
  line.flag(outcome, "--outcome", "print only \"ATTEMPT CODE\" of result.json; nothing while there is none (for scripts)");
  line.flag(stalled, "--stalled-starts", "print only how many of the newest starts in a row saved no step (for scripts)");
  line.option(job, "--job", "ID", "write down that this Slurm job trains the run (for scripts)");
  line.footer("Examples:\n  ergon status runs/demo\n  ergon status 4711 --json\n");
  if (!line.parse(argc, argv)) return 0;
  if (!job.empty()) {
    if (!is_job_id(job)) throw Error(fmt::format("'{}' is no number of a job", job), "--job", "as sbatch prints it: 4711");
    remember_job(run, job);
    return 0;
  }
  const std::string folder = run_folder_of(run);
  if (outcome) {
    if (const auto found = read_outcome(folder)) std::cout << found->attempt << ' ' << found->code << '\n' << std::flush;
    return 0;
  }
  const RunStatus status = read_run_status(folder);
  if (stalled) {
    std::cout << status.stalled_starts << '\n' << std::flush;
  } else if (json) {
    std::cout << status_json(status) << std::flush;
  } else {
    std::cout << status_text(status);
    if (const auto known = status.job.empty() ? std::nullopt : slurm_job(status.job)) std::cout << queue_line(*known);
    std::cout << std::flush;
  }
  return 0;
}

}  // namespace ergon
