// SPDX-License-Identifier: Apache-2.0
// Gathers the facts of a job: each rank looks at itself and at its machine, then they look at each other.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "configs/run_config.hpp"
#include "launch/doctor/examined_job.hpp"
#include "parallel/communicator.hpp"
#include "parallel/mpi.hpp"

namespace ergon {

struct JobQuestion {
  std::optional<RunConfig> config;  // of a run file; the same on all ranks
  std::string folder;               // --run, this rank's word for it; empty: the run file's, or where the command stands
  bool quick = false;               // no pairs and no products are timed
  Seconds patience = {5};           // for files of a shared folder
  std::function<void(const std::string&)> phase = [](const std::string&) {};  // what is being waited for, for who watches the time
};

// Collective over `world`. Complete on rank 0, empty on the others.
ExaminedJob gather_job(Communicator& world, LocalRank local, const JobQuestion& question);

}  // namespace ergon
