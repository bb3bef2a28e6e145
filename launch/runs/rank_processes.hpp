// SPDX-License-Identifier: Apache-2.0
// The processes of a run's ranks, as far as the machine of rank 0 shows them: those of its PMIx job (mpirun and srun name it in the
// environment of every rank). Only Linux's /proc is asked; processes of other users say nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "configs/clock.hpp"

namespace ergon {

struct RankProcess {
  enum class State { running, stopped, gone };
  std::int64_t pid = 0;
  State state = State::running;
  std::optional<double> processors;  // busy between the last two looks: 0.98, or 3.7 with threads
  Bytes resident = {};
};
const char* name(RankProcess::State state);

class RankProcesses {
 public:
  explicit RankProcesses(std::string proc = "/proc") : proc_(std::move(proc)) {}

  // How many ranks the launcher of rank 0 started on its machine, idle ones too, as mpirun and srun tell each of them; empty: they do not.
  // Of the newest look.
  const std::optional<std::int64_t>& started_here() const { return started_here_; }

  // rank -> its process. rank_zero: the pid of rank 0, on this machine. A rank that was seen and has ended since stays, as gone. New ones
  // are searched for at the first look, and then no more often than every 5 s: a search reads something of every process of the machine.
  const std::map<std::int64_t, RankProcess>& look(std::int64_t rank_zero, Clock::time_point now = Clock::now());

 private:
  struct Seen {
    std::int64_t start = 0, ticks = 0;
  };
  std::string folder(std::int64_t pid) const { return proc_ + "/" + std::to_string(pid); }
  void search();
  void add(std::int64_t rank, std::int64_t pid);
  void update(std::int64_t rank, RankProcess& process, Seconds passed);

  std::string proc_, job_;
  std::int64_t rank_zero_ = 0;
  std::optional<std::int64_t> started_here_;
  Clock::time_point last_ = {};
  std::optional<Clock::time_point> searched_;
  std::map<std::int64_t, RankProcess> processes_;
  std::map<std::int64_t, Seen> seen_;
};

}  // namespace ergon
