// SPDX-License-Identifier: Apache-2.0
// `ergon plan --strategies`: the ways to shard attention over context ranks, in symbols (the table of parallel/README.md), or, for a run
// file, in its bytes.
#pragma once

#include <string>

#include "configs/run_config.hpp"

namespace ergon {

enum class StrategyFormat { text, json };

std::string strategies_in_symbols(StrategyFormat format);

// Bytes, calls and memory of each strategy for one layer and microbatch of the run, with its mesh.cp, mesh.layout, mesh.ulysses and
// mesh.gather_heads; what parallel/plan/refusals does not allow is listed with its sentence. Throws Error (key mesh.cp) for one context
// rank, and for what the rules refuse whatever mesh.attention is.
std::string strategies_of(const RunConfig& config, StrategyFormat format);

}  // namespace ergon
