// SPDX-License-Identifier: Apache-2.0
// A run file with [launch], planned.
#pragma once

#include <fmt/format.h>

#include "configs/parse.hpp"
#include "launch/jobs/launch_plan.hpp"

namespace ergon::test {

inline LaunchPlan planned(const std::vector<std::string>& keys, const std::string& file = "run.toml", const std::vector<Host>& hosts = {}) {
  const RunConfig config = parse_run_text("[run]\nfolder = \"runs/a\"\n[data]\ntrain = \"t.h5\"\n", file, keys);
  return plan_launch(config, file, keys, "/opt/ergon", hosts);
}

// Over hosts that have so many slots each.
inline LaunchPlan planned_over(const std::vector<std::int64_t>& slots, std::vector<std::string> keys) {
  keys.insert(keys.end(), {"launch.with=mpirun", "launch.hosts=hosts"});
  std::vector<Host> hosts;
  for (const std::int64_t count : slots) hosts.push_back({fmt::format("node{}", hosts.size()), count});
  return planned(keys, "run.toml", hosts);
}

}  // namespace ergon::test
