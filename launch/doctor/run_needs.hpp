// SPDX-License-Identifier: Apache-2.0
// What a run wants of the ranks and machines that it is to be started on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "configs/devices.hpp"
#include "configs/run_config.hpp"
#include "launch/doctor/diagnosis.hpp"

namespace ergon {

// The defaults are those of a job of which nothing is known.
struct RunNeeds {
  bool folder_named = false;  // by a run file or --run: it must then be one folder for all
  bool cuda = false;
  std::int64_t threads = 1;        // of a rank
  std::string interface;           // launch.interface
  Bytes checkpoint = {0};          // one save; 0: unknown
  std::int64_t checkpoints = 1;    // that lie in the folder together
  Bytes state = {0};               // the least that a rank holds, on average; 0: unknown
  bool equal_parts = true;         // each rank holds as much: there is no pipeline, whose stages differ
  std::optional<Peak> peak;        // of a device, for bfloat16
  std::vector<Finding> mesh = {};  // does it fit the ranks
};

RunNeeds needs_of(const RunConfig& config, int ranks);

}  // namespace ergon
