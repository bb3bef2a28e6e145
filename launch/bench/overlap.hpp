// SPDX-License-Identifier: Apache-2.0
// A transfer beside computing, as a strategy of sharded attention has it: started before blocks of attention, waited for after them.
#pragma once

#include "launch/bench/rounds.hpp"
#include "parallel/communicator.hpp"

namespace ergon {

struct OverlapFigures {
  std::int64_t blocks = 0;                                // of computing beside the transfer
  double transfer = 0, compute = 0;                       // seconds of each alone
  double unpolled = 0, polled = 0, polled_by_thread = 0;  // seconds of both together
};

// Blocks are as many as take about twice the time of the transfer. Collective over `world`; MPI must run with threads.
OverlapFigures measure_overlap(Communicator& world, Collective operation, std::int64_t bytes, std::int64_t rounds);

// 1: all that can be hidden is; 0: one after the other; below 0: slower than that.
double hidden_share(const OverlapFigures& figures, double together);

}  // namespace ergon
