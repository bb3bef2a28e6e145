// SPDX-License-Identifier: Apache-2.0
#include "parallel/neighbours.hpp"

#include <ATen/ops/empty.h>

#include <functional>

namespace ergon {

Neighbours::Neighbours(Communicator& world) {
  const ProcessIdentity mine = this_process();
  const auto place = static_cast<std::int64_t>(std::hash<std::string>{}(mine.boot + " " + mine.pid_namespace));
  at::Tensor own = at::empty({3}, at::kLong), all = at::empty({world.size(), 3}, at::kLong);
  auto* out = own.mutable_data_ptr<std::int64_t>();
  out[0] = place;
  out[1] = mine.pid;
  out[2] = mine.start;
  world.all_gather(all, own).wait();
  for (int rank = 0; rank < world.size(); ++rank) {
    const std::int64_t* row = all.const_data_ptr<std::int64_t>() + 3 * rank;
    if (rank == world.rank() || row[0] != place || mine.start == 0) continue;
    ProcessIdentity& process = processes_[rank] = mine;
    process.pid = row[1];
    process.start = row[2];
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
