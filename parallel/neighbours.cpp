// SPDX-License-Identifier: Apache-2.0
#include "parallel/neighbours.hpp"

#include <ATen/ops/empty.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "configs/error.hpp"

namespace ergon {
namespace {

constexpr int state_field = 3, start_field = 22;  // of /proc/PID/stat, counted from 1

struct Stat {
  char state = 0;
  std::int64_t start = 0;
};

// The name of the program, field 2, may hold anything: count from its closing bracket.
std::optional<Stat> read_stat(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  Stat stat;
  std::string field;
  for (int number = state_field; number <= start_field && fields >> field; ++number) {
    if (number == state_field) stat.state = field[0];
    if (number == start_field) stat.start = std::stoll(field);
  }
  return stat;
}

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

ProcessIdentity own_identity() {
  std::error_code ignored;
  const std::string place =
      first_line("/proc/sys/kernel/random/boot_id") + " " + std::filesystem::read_symlink("/proc/self/ns/pid", ignored).string();
  ProcessIdentity identity{std::hash<std::string>{}(place), getpid(), 0};
  if (const auto stat = read_stat(identity.pid)) identity.start = stat->start;
  return identity;
}

ProcessState state_of(const ProcessIdentity& process) {
  const auto stat = read_stat(process.pid);
  if (!stat || stat->start != process.start) return ProcessState::gone;
  switch (stat->state) {
    case 'Z':
    case 'X':
      return ProcessState::gone;
    case 'T':
    case 't':
      return ProcessState::stopped;
    default:
      return ProcessState::running;
  }
}

Neighbours::Neighbours(Communicator& world) {
  const ProcessIdentity mine = own_identity();
  at::Tensor own = at::empty({3}, at::kLong), all = at::empty({world.size(), 3}, at::kLong);
  auto* out = own.mutable_data_ptr<std::int64_t>();
  out[0] = static_cast<std::int64_t>(mine.machine);
  out[1] = mine.pid;
  out[2] = mine.start;
  world.all_gather(all, own).wait();
  for (int rank = 0; rank < world.size(); ++rank) {
    const std::int64_t* row = all.const_data_ptr<std::int64_t>() + 3 * rank;
    if (rank != world.rank() && static_cast<std::uint64_t>(row[0]) == mine.machine && mine.start > 0)
      processes_[rank] = {mine.machine, row[1], row[2]};
  }
}

std::vector<int> Neighbours::ranks() const {
  std::vector<int> ranks;
  for (const auto& [rank, process] : processes_) ranks.push_back(rank);
  return ranks;
}

ProcessState Neighbours::state(int rank) const {
  const auto process = processes_.find(rank);
  return process == processes_.end() ? ProcessState::unknown : state_of(process->second);
}

}  // namespace ergon
