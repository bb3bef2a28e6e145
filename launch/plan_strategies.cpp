// SPDX-License-Identifier: Apache-2.0
#include "launch/plan_strategies.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/names.hpp"
#include "parallel/plan/attention_memory.hpp"
#include "parallel/plan/attention_traffic.hpp"
#include "parallel/plan/refusals.hpp"
#include "parallel/plan/strategy_table.hpp"

namespace ergon {
namespace {

using nlohmann::json;

struct Strategy {
  std::string name;
  std::int64_t exchanging;  // ranks of a hybrid's exchange; 0: no hybrid
  std::string refusal;
  AttentionSent forward, backward;
  AttentionMemory memory;  // of the rank that holds most
};

RunConfig with_attention(const RunConfig& config, AttentionSharding attention, std::int64_t exchanging) {
  RunConfig run = config;
  run.mesh.attention = attention;
  run.mesh.ulysses = attention == AttentionSharding::hybrid ? exchanging : 1;
  if (attention != AttentionSharding::gather_kv) run.mesh.gather_heads = 1;
  return run;
}

Strategy strategy_of(const RunConfig& config, AttentionSharding attention, std::int64_t exchanging = 0) {
  Strategy strategy{choice_name(attention), exchanging, "", {}, {}, {}};
  const RunConfig run = with_attention(config, attention, exchanging);
  const std::vector<Error> refusals = plan_refusals(run, 0);
  if (!refusals.empty()) {
    strategy.refusal = fmt::format("{}; {}", refusals.front().problem(), refusals.front().hint());
    return strategy;
  }
  const ContextSharding sharding = context_sharding(run.mesh);
  const AttentionExtent extent = attention_extent(run);
  const AttentionTraffic traffic = attention_traffic(sharding, run.mesh.gather_heads, extent);
  strategy.forward = total(traffic.forward);
  strategy.backward = total(traffic.backward);
  for (int rank = 0; rank < sharding.cp; ++rank) {
    const AttentionMemory memory = attention_memory(sharding, run.mesh.gather_heads, extent, rank);
    strategy.memory.kept = std::max(strategy.memory.kept, memory.kept);
    strategy.memory.forward = std::max(strategy.memory.forward, memory.forward);
    strategy.memory.backward = std::max(strategy.memory.backward, memory.backward);
  }
  return strategy;
}

// What the file says; else every size that makes neither a ring alone nor an exchange alone, and leaves each rank a head.
std::vector<std::int64_t> exchange_sizes(const RunConfig& config) {
  if (config.mesh.ulysses != 1) return {config.mesh.ulysses};
  std::vector<std::int64_t> sizes;
  for (std::int64_t u = 2; u < config.mesh.cp && u * config.mesh.tp <= config.model.heads; ++u)
    if (config.mesh.cp % u == 0) sizes.push_back(u);
  return sizes;
}

std::vector<Strategy> strategies(const RunConfig& config) {
  if (config.mesh.cp == 1)
    throw Error("one context rank sends nothing, whatever mesh.attention is", "mesh.cp",
                "set mesh.cp to 2 or more: ergon plan --strategies run.toml mesh.cp=4");
  using enum AttentionSharding;
  std::vector<Strategy> all;
  for (const AttentionSharding attention : {ring, ulysses, gather_kv}) all.push_back(strategy_of(config, attention));
  for (const std::int64_t exchanging : exchange_sizes(config)) all.push_back(strategy_of(config, hybrid, exchanging));
  if (std::ranges::all_of(all, [](const Strategy& strategy) { return !strategy.refusal.empty(); })) check_plan(config, 0);
  return all;
}

std::string text_of(const RunConfig& config, const std::vector<Strategy>& all) {
  std::string text =
      fmt::format("cp = {}, one layer, one microbatch of {} x {} positions, {}; bytes of all context ranks together, memory of one\n\n",
                  config.mesh.cp, config.train.microbatch, config.model.sequence, choice_name(config.train.dtype));
  text += fmt::format("{:<12} {:>15} {:>6} {:>15} {:>6} {:>15} {:>15} {:>15}\n", "", "forward", "calls", "backward", "calls", "kept",
                      "in forward", "in backward");
  for (const Strategy& s : all) {
    const std::string name = s.exchanging == 0 ? s.name : fmt::format("{} u={}", s.name, s.exchanging);
    if (!s.refusal.empty()) {
      text += fmt::format("{:<12} {}\n", name, s.refusal);
      continue;
    }
    text += fmt::format("{:<12} {:>15} {:>6} {:>15} {:>6} {:>15} {:>15} {:>15}\n", name, s.forward.bytes.value, s.forward.calls,
                        s.backward.bytes.value, s.backward.calls, s.memory.kept.value, s.memory.forward.value, s.memory.backward.value);
  }
  return text;
}

json json_of(const Strategy& s) {
  json row = {{"strategy", s.name}};
  if (s.exchanging != 0) row["ulysses"] = s.exchanging;
  if (!s.refusal.empty()) {
    row["refused"] = s.refusal;
    return row;
  }
  row["forward"] = {{"bytes", s.forward.bytes.value}, {"calls", s.forward.calls}};
  row["backward"] = {{"bytes", s.backward.bytes.value}, {"calls", s.backward.calls}};
  row["memory_bytes_per_rank"] = {
      {"kept", s.memory.kept.value}, {"forward", s.memory.forward.value}, {"backward", s.memory.backward.value}};
  return row;
}

}  // namespace

std::string strategies_in_symbols(StrategyFormat format) {
  if (format == StrategyFormat::text) return strategy_table();
  json rows = json::array();
  for (const StrategyRow& r : strategy_rows())
    rows.push_back({{"strategy", r.strategy},
                    {"forward", {{"bytes", r.forward_bytes}, {"calls", r.forward_calls}}},
                    {"backward", {{"bytes", r.backward_bytes}, {"calls", r.backward_calls}}},
                    {"memory_bytes_per_rank", {{"kept", r.kept}, {"forward", r.forward_scratch}, {"backward", r.backward_scratch}}},
                    {"constraints", r.constraints},
                    {"when", r.when}});
  return json{{"schema", "ergon.strategies.v1"}, {"rows", rows}, {"legend", strategy_legend()}}.dump(2) + "\n";
}

std::string strategies_of(const RunConfig& config, StrategyFormat format) {
  const std::vector<Strategy> all = strategies(config);
  if (format == StrategyFormat::text) return text_of(config, all);
  json rows = json::array();
  for (const Strategy& strategy : all) rows.push_back(json_of(strategy));
  return json{{"schema", "ergon.strategies.v1"}, {"cp", config.mesh.cp}, {"rows", rows}}.dump(2) + "\n";
}

}  // namespace ergon
