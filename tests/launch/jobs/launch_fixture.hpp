// SPDX-License-Identifier: Apache-2.0
// A run file with [launch], planned.
#pragma once

#include "configs/parse.hpp"
#include "launch/jobs/launch_plan.hpp"

namespace ergon::test {

inline LaunchPlan planned(const std::vector<std::string>& keys, const std::string& file = "run.toml") {
  const RunConfig config = parse_run_text("[run]\nfolder = \"runs/a\"\n[data]\ntrain = \"t.h5\"\n", file, keys);
  return plan_launch(config, file, keys, "/opt/ergon");
}

}  // namespace ergon::test
