// SPDX-License-Identifier: Apache-2.0
// What the trainer of this version does not do yet. `ergon train` calls it before anything is written; parsing does not, because flops and
// plan describe jobs that need not run here. Support for a feature is added by deleting its row in supported.cpp.
#pragma once

#include "configs/run_config.hpp"

namespace ergon {

// Throws one Error (ExitCode::config) that names every key whose value this version refuses, its value, why, and the way out.
void require_supported(const RunConfig& config);

}  // namespace ergon
