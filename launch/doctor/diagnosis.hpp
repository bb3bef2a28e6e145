// SPDX-License-Identifier: Apache-2.0
// What a Machine means for Ergon: one Finding a part, with the cure where something is wrong. Pure: the tests plant machines.
#pragma once

#include <string>
#include <vector>

#include "launch/doctor/machine.hpp"

namespace ergon {

// good; note: works, worth knowing; poor: works badly; broken: Ergon cannot run.
enum class Condition { good, note, poor, broken };

struct Finding {
  std::string part;  // compiler, mpi, mpirun, hdf5, torch, nccl, cuda, gpus, cores, memory, disk, shared memory
  Condition condition = Condition::good;
  std::string found;  // one line
  std::string cure;   // empty when the condition is good
};

std::vector<Finding> diagnose(const Machine& machine);
const char* name(Condition condition);

}  // namespace ergon
