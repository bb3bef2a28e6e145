// SPDX-License-Identifier: Apache-2.0
// The ways to shard attention over context ranks side by side, in symbols: what parallel/README.md shows and `ergon plan --strategies`
// prints. The formulas are those that attention_traffic and attention_memory compute with.
#pragma once

#include <string>
#include <vector>

namespace ergon {

// Of one layer and microbatch, and of one rank; `legend` says what the symbols are.
struct StrategyRow {
  std::string strategy;
  std::string forward_bytes, forward_calls, backward_bytes, backward_calls;
  std::string kept, forward_scratch, backward_scratch;  // bytes beside q, k, v, the output and their gradients
  std::string constraints, when;
};
std::vector<StrategyRow> strategy_rows();

// A sentence a line.
std::vector<std::string> strategy_legend();

// The rows as a table in Markdown, then the legend.
std::string strategy_table();

}  // namespace ergon
