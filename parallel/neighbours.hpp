// SPDX-License-Identifier: Apache-2.0
// The other ranks of this machine as processes: the kernel knows at once that one is gone or stopped, long before silence proves anything.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "parallel/communicator.hpp"

namespace ergon {

enum class ProcessState { unknown, running, stopped, gone };

// A process as all others of its machine can find it; two with equal `machine` see each other's numbers.
struct ProcessIdentity {
  std::uint64_t machine = 0;  // boot and process namespace
  std::int64_t pid = 0, start = 0;
};
ProcessIdentity own_identity();
ProcessState state_of(const ProcessIdentity& process);

class Neighbours {
 public:
  // Collective over the world.
  explicit Neighbours(Communicator& world);

  std::vector<int> ranks() const;      // of this machine, without this one
  ProcessState state(int rank) const;  // unknown: another machine's

 private:
  std::map<int, ProcessIdentity> processes_;
};

}  // namespace ergon
