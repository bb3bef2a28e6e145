// SPDX-License-Identifier: Apache-2.0
// `ergon logs`: what a rank has printed.
#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <thread>

#include "configs/error.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
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

}  // namespace

int command_logs(int argc, char** argv) {
  std::string run;
  std::int64_t rank = 0;
  bool follow = false;
  CommandLine line("ergon logs", "what a rank of a run has printed, in its newest start");
  line.positional(run, "RUN|JOB", "the folder of a run, or the number of its Slurm job");
  line.option(rank, "--rank", "R", "of which rank (0)");
  line.flag(follow, "-f,--follow", "go on until the run ends");
  line.footer("Examples:\n  ergon logs runs/demo\n  ergon logs runs/demo --rank 3 -f\n");
  if (!line.parse(argc, argv)) return 0;
  const std::string folder = run_folder_of(run), start = newest_start(folder);
  if (start.empty())
    throw Error("there are no logs of ranks", folder + "/logs",
                "`ergon launch` keeps them; a line of mpirun prints to where it was started", ExitCode::data);
  const auto files = rank_files(start);
  const auto found = files.find(rank);
  if (found == files.end())
    throw Error(fmt::format("rank {} has no log", rank), start,
                files.empty() ? "no rank has printed anything yet"
                              : fmt::format("ranks {} to {} have", files.begin()->first, files.rbegin()->first),
                ExitCode::data);
  std::vector<std::streamoff> ends(found->second.size(), 0);
  RunStatusReader status(folder);
  for (bool last = !follow;; last = status.read().state != RunStatus::State::running) {
    for (std::size_t i = 0; i < ends.size(); ++i) ends[i] = copy_from(found->second[i], ends[i]);
    if (last) return 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

}  // namespace ergon
