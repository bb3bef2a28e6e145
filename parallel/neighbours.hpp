// SPDX-License-Identifier: Apache-2.0
// The other ranks of this machine, as processes.
#pragma once

#include <map>
#include <vector>

#include "parallel/communicator.hpp"
#include "parallel/process_identity.hpp"

namespace ergon {

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
