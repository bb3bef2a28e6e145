// SPDX-License-Identifier: Apache-2.0
// Ranks as MPI processes, tensors in host memory. Only non-blocking operations are started, and Work polls them with MPI_Testall: Open MPI
// makes no progress on its own. MPI's sums follow its own order; they are the same on every rank, but not the same as another mesh's.
#pragma once

#include <cstdint>
#include <memory>

#include "parallel/communicator.hpp"

namespace ergon {

struct MpiLimits {
  std::int64_t elements = std::int64_t{1} << 30;  // larger counts are cut, because MPI 3 counts are int
};

// A copy of MPI_COMM_WORLD; MPI must have been started (parallel/mpi.hpp). Collective.
std::unique_ptr<Communicator> make_mpi_world(MpiLimits limits = {});

}  // namespace ergon
