// SPDX-License-Identifier: Apache-2.0
// `ergon stop`: asks a run to save and end, wherever it trains, and takes its job out of the queue when that has not begun.
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

// Left behind, a request that nobody has read would end the next submission.
void withdraw(const std::string& stop_file) {
  Storage storage;
  if (storage.exists(stop_file)) storage.unlink(stop_file);
}

// A job that waits has no ranks that could read a file.
void take_out(const std::string& id, const std::string& folder, const std::string& stop_file) {
  if (!output_within({30}, {"scancel", id}))
    throw Error(fmt::format("scancel has not taken job {} out of the queue", id), folder, "see what it says above, and try it yourself",
                ExitCode::world);
  withdraw(stop_file);
  std::cout << fmt::format("{}: job {} was waiting and is out of the queue\n", folder, id) << std::flush;
}

// What there is to say of a job whose ranks do not read the file at once.
std::string hears_later(const SlurmJob& job, const std::string& id, const std::string& file, bool trains) {
  const std::string is = fmt::format("; job {} is {}", id, job.state);
  if (job.state == "SUSPENDED") return is + fmt::format(", and hears that when it is resumed: scontrol resume {}", id);
  if (job.state == "STOPPED") return is + fmt::format(", and hears that when it goes on: scancel -s CONT {}", id);
  if (trains) return "";
  return is + fmt::format(", and nobody trains yet. Should no start follow, remove {}", file);
}

void ask(const std::string& path) {
  Storage storage;
  if (!storage.exists(path)) storage.write_text(path, "");
}

// trains: somebody does already. Else the end is that of whoever begins, unless the request is gone before. A job that saved for another
// reason may come back, as another one of its chain, too, with the request unread.
void wait_for_end(const RunStatus& asked, std::string id, const std::string& stop_file, Seconds limit, bool trains) {
  const std::string& folder = asked.folder;
  const Clock::time_point deadline = deadline_after(limit);
  RunStatusReader reader(folder);
  for (;;) {
    const RunStatus status = reader.read();
    const bool running = status.state == RunStatus::State::running;
    trains = trains || running;
    if (!running && !std::filesystem::exists(stop_file)) return;
    if (!running) {
      if (status.job != asked.job) id = status.job;
      const auto job = id.empty() ? std::nullopt : slurm_job(id);
      if (job && job->waits()) return take_out(id, folder, stop_file);
      const bool over = job ? !job->has_begun() : trains;
      if (over && reader.read().job == status.job) {
        if (job || id.empty()) withdraw(stop_file);
        return;
      }
    }
    if (Clock::now() > deadline)
      throw Error(fmt::format("the run has not ended within {:.0f} s", limit.value), folder, "ergon status and ergon logs say what it does",
                  ExitCode::stuck);
    std::this_thread::sleep_for(std::chrono::milliseconds(running || id.empty() ? 200 : 1000));  // slurmctld serves others, too
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
  const std::string id = std::filesystem::is_directory(run) ? status.job : run;
  const auto job = id.empty() ? std::nullopt : slurm_job(id);
  if (!save && job && job->waits()) {  // it has no ranks that could read a file
    take_out(id, folder, files.stop_file());
    return 0;
  }
  const bool trains = status.state == RunStatus::State::running, begun = job && job->has_begun();
  if (!trains && !begun)
    throw Error("nobody trains here", folder, "ergon status says how the run stands; a run on another machine is seen by its lock for 90 s",
                ExitCode::data);
  const std::string file = save ? files.save_file() : files.stop_file();
  ask(file);
  std::cout << fmt::format("{}: asked to {} at its {} step{}\n", folder, save ? "save" : "save and end", trains ? "next" : "first",
                           begun ? hears_later(*job, id, file, trains) : "")
            << std::flush;
  if (!save && line.given("--wait")) {
    wait_for_end(status, id, file, {wait}, trains);
    std::cout << status_text(read_run_status(folder)) << std::flush;
  }
  return 0;
}

}  // namespace ergon
