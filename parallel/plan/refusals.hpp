// SPDX-License-Identifier: Apache-2.0
// Everything about sizes, mesh and ranks that cannot be run, checked before anything is allocated: one table of rules, each a sentence that
// names the key, why it cannot be, and what to set it to. What this build does not do yet is refused the same way, never ignored.
#pragma once

#include <vector>

#include "configs/error.hpp"
#include "configs/run_config.hpp"

namespace ergon {

// Every rule that the configuration breaks on `world` ranks, in the order of the table; empty: it can run. world = 0: rules about the
// number of ranks are skipped (a plan for a machine that is not here).
std::vector<Error> plan_refusals(const RunConfig& config, int world);

// Throws one Error that lists all of them: ExitCode::world when only the number of ranks is wrong, else ExitCode::config.
void check_plan(const RunConfig& config, int world);

// Microbatches that a data rank runs in a step: batch / (microbatch x dp). The rules must hold.
std::int64_t accumulation(const RunConfig& config);

}  // namespace ergon
