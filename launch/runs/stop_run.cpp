// SPDX-License-Identifier: Apache-2.0
// `ergon stop`: asks a run to save and end, wherever it trains, and takes its job out of the queue when it has not begun.
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <thread>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "launch/child_process.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/jobs/slurm.hpp"
#include "launch/runs/run_names.hpp"
#include "launch/runs/run_status.hpp"
#include "trainer/run_folder.hpp"

namespace ergon {
namespace {

// A job that waits has no ranks that could read a file. True when one was taken out of the queue.
bool cancel_waiting(const std::string& id) {
  if (id.empty()) return false;
  const auto job = slurm_job(id);
  if (!job || job->state == "RUNNING" || !job->in_queue()) return false;
  return output_within({30}, {"scancel", id}).has_value();
}

void ask(const std::string& path) {
  Storage storage;
  if (!storage.exists(path)) storage.write_text(path, "");
}

void wait_for_end(const std::string& folder, Seconds limit) {
  const Clock::time_point deadline = deadline_after(limit);
  RunStatusReader status(folder);
  while (status.read().state == RunStatus::State::running) {
    if (Clock::now() > deadline)
      throw Error(fmt::format("the run has not ended within {:.0f} s", limit.value), folder, "ergon status and ergon logs say what it does",
                  ExitCode::stuck);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

}  // namespace

int command_stop(int argc, char** argv) {
  std::string run;
  bool save = false;
  double wait = 0;
  CommandLine line("ergon stop", "asks a run to save at its next step and end with 86; the same line resumes it");
  line.positional(run, "RUN|JOB", "the folder of a run, or the number of its Slurm job");
  line.flag(save, "--save", "only save at the next step, and go on");
  line.option(wait, "--wait", "SECONDS", "do not return before the run has ended; an error after so many seconds");
  line.footer("Examples:\n  ergon stop runs/demo --wait 60\n  ergon stop 4711\n\nWithout the program: touch RUN/stop, or RUN/save.\n");
  if (!line.parse(argc, argv)) return 0;
  const std::string folder = run_folder_of(run);
  Storage storage;
  const RunFolder files(storage, folder);
  const RunStatus status = read_run_status(folder);
  const std::string job = std::filesystem::is_directory(run) ? status.job : run;
  if (!save && cancel_waiting(job)) {
    std::cout << fmt::format("{}: job {} was waiting and is out of the queue\n", folder, job) << std::flush;
    return 0;
  }
  if (status.state != RunStatus::State::running)
    throw Error("nobody trains here", folder, "ergon status says how the run stands; a run on another machine is seen by its lock for 90 s",
                ExitCode::data);
  ask(save ? files.save_file() : files.stop_file());
  std::cout << fmt::format("{}: asked to {} at its next step\n", folder, save ? "save" : "save and end") << std::flush;
  if (!save && line.given("--wait")) {
    wait_for_end(folder, {wait});
    std::cout << status_text(read_run_status(folder)) << std::flush;
  }
  return 0;
}

}  // namespace ergon
