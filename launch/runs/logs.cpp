// SPDX-License-Identifier: Apache-2.0
// `ergon logs`: what a rank has printed.
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <thread>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/jobs/slurm.hpp"
#include "launch/runs/rank_logs.hpp"
#include "launch/runs/run_names.hpp"
#include "launch/runs/run_status.hpp"

namespace ergon {
namespace {

// Copies what has come since `from` to stdout; where it ended.
std::streamoff copy_from(const std::string& path, std::streamoff from) {
  std::ifstream file(path, std::ios::binary);
  if (!file.seekg(from)) return from;
  char part[65536];
  while (file.read(part, sizeof part), file.gcount() > 0) {
    std::cout.write(part, file.gcount());
    from += file.gcount();
  }
  std::cout << std::flush;
  return from;
}

// What a rank prints, in the newest start and in those that come.
class RankLog {
 public:
  RankLog(std::string folder, std::int64_t rank) : folder_(std::move(folder)), rank_(rank) {}

  // What is new goes to stdout. Whether there was a file of the rank.
  bool copy() {
    const std::string start = newest_start(folder_);
    if (start.empty()) return false;
    if (start != start_) ends_.clear();
    start_ = start;
    files_ = rank_files(start);
    const auto found = files_.find(rank_);
    if (found == files_.end()) return false;
    for (const std::string& file : found->second) ends_[file] = copy_from(file, ends_[file]);
    return true;
  }

  bool others_have_one() const { return !files_.empty(); }

  [[noreturn]] void refuse() const {
    if (start_.empty())
      throw Error("there are no logs of ranks", folder_ + "/logs",
                  "`ergon launch` keeps them; a line of mpirun prints to where it was started", ExitCode::data);
    throw Error(fmt::format("rank {} has no log", rank_), start_,
                files_.empty() ? "no rank has printed anything yet"
                               : fmt::format("ranks {} to {} have", files_.begin()->first, files_.rbegin()->first),
                ExitCode::data);
  }

 private:
  std::string folder_, start_;
  std::int64_t rank_;
  std::map<std::int64_t, std::vector<std::string>> files_;
  std::map<std::string, std::streamoff> ends_;
};

// Whether more is to come: somebody trains, or a job of the run waits or has begun, or nobody has trained yet for a while that a start may
// take. What it waits for goes to stderr.
class Expectation {
 public:
  Expectation(const std::string& folder, std::string job, Seconds patience)
      : status_(folder), job_(std::move(job)), deadline_(deadline_after(patience)) {}

  bool more() {
    const RunStatus status = status_.read();
    trains_ = status.state == RunStatus::State::running;
    has_trained_ = has_trained_ || trains_;
    if (trains_) return true;
    const std::string id = status.job.empty() ? job_ : status.job;
    const auto job = id.empty() ? std::nullopt : slurm_job(id);
    if (job && job->waits()) say(fmt::format("job {} is {}", id, job->state));
    if (job && job->has_begun() && !has_trained_) say(fmt::format("job {} is {}, and nobody trains yet", id, job->state));
    if (job) return job->in_queue();
    if (has_trained_ || Clock::now() > deadline_) return false;
    say("nobody trains here yet");
    return true;
  }

  bool trains() const { return trains_; }
  // Slurm serves others, too.
  std::chrono::milliseconds pause() const { return std::chrono::milliseconds(trains_ || said_.empty() ? 500 : 1000); }

 private:
  void say(const std::string& what) {
    if (said_ != what) fmt::print(stderr, "{}: waiting for its ranks (Control-C ends this)\n", what);
    said_ = what;
  }

  RunStatusReader status_;
  std::string job_, said_;
  Clock::time_point deadline_;
  bool trains_ = false, has_trained_ = false;
};

}  // namespace

int command_logs(int argc, char** argv) {
  std::string run;
  std::int64_t rank = 0;
  bool follow = false;
  double wait = 60;
  CommandLine line("ergon logs", "what a rank of a run has printed, in its newest start");
  line.positional(run, "RUN|JOB", "the folder of a run, or the number of its Slurm job");
  line.option(rank, "--rank", "R", "of which rank (0)");
  line.flag(follow, "-f,--follow", "go on until the run ends and none of its jobs is in the queue");
  line.option(wait, "--wait", "SECONDS", "with -f: how long to wait for a start where nobody trains and no job is in the queue (60)");
  line.footer("Examples:\n  ergon logs runs/demo\n  ergon logs runs/demo --rank 3 -f\n");
  if (!line.parse(argc, argv)) return 0;
  const std::string folder = run_folder_of(run);
  RankLog log(folder, rank);
  bool found = log.copy();
  if (!follow && !found) log.refuse();
  if (!follow) return 0;
  Expectation expectation(folder, std::filesystem::is_directory(run) ? "" : run, {wait});
  for (bool more = true; more;) {
    more = expectation.more();
    found = log.copy() || found;
    if (!found && (!more || (expectation.trains() && log.others_have_one()))) log.refuse();
    if (more) std::this_thread::sleep_for(expectation.pause());
  }
  return 0;
}

}  // namespace ergon
