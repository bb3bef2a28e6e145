// SPDX-License-Identifier: Apache-2.0
#include "launch/jobs/launch_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "configs/error.hpp"
#include "parallel/plan/elastic_mesh.hpp"

namespace ergon {
namespace {

std::int64_t ranks_of_node(const LaunchSection& launch, std::int64_t ranks) {
  if (launch.ranks_per_node > 0) return launch.ranks_per_node;
  if (launch.gpus_per_node > 0) return launch.gpus_per_node;
  return (ranks + launch.nodes - 1) / launch.nodes;
}

// Each host is filled before the next one, as mpirun does it: neighbouring ranks stay together. Which host is the first is mpirun's choice
// (its own, if that is one of them), so each must have room.
void spread_over_hosts(LaunchPlan& plan, const std::vector<Host>& hosts) {
  LaunchSection& launch = plan.launch;
  const auto [fewest, most] = std::ranges::minmax_element(hosts, {}, &Host::slots);
  std::int64_t slots = 0, filled = 0;
  for (const Host& host : hosts) {
    if (slots < plan.ranks) ++filled;
    slots += host.slots;
  }
  const auto count = static_cast<std::int64_t>(hosts.size());
  if (slots < plan.ranks)
    throw Error(fmt::format("{} hosts have {} slots, the mesh has {} ranks", count, slots, plan.ranks), launch.hosts,
                "add hosts, raise slots=, or choose a smaller mesh", ExitCode::world);
  // nodes = 1 may be said or not: ranks that fit one host lie on one either way.
  if (launch.nodes == 1 && launch.ranks_per_node == 0 && launch.gpus_per_node == 0) {
    plan.by_slot = fewest->slots != most->slots;
    plan.ranks_per_node = std::min(most->slots, plan.ranks);
    launch.nodes = filled;
    return;
  }
  if (fewest->slots < std::min(plan.ranks_per_node, plan.ranks))
    throw Error(fmt::format("host {} with slots={} has no room for {} ranks", fewest->name, fewest->slots, plan.ranks_per_node),
                launch.hosts,
                "raise slots=, take it off the list, or say none of launch.nodes, launch.ranks_per_node, launch.gpus_per_node: each host "
                "then takes as many ranks as it has slots",
                ExitCode::world);
  if (count * plan.ranks_per_node < plan.ranks)
    throw Error(fmt::format("{} hosts times {} a node are {}, the mesh has {} ranks", count, plan.ranks_per_node,
                            count * plan.ranks_per_node, plan.ranks),
                launch.hosts, "add hosts, or raise launch.ranks_per_node", ExitCode::world);
  launch.nodes = (plan.ranks + plan.ranks_per_node - 1) / plan.ranks_per_node;
}

void check_gpus(const RunConfig& config, std::int64_t ranks_per_node) {
  const std::int64_t gpus = config.launch.gpus_per_node;
  if (config.run.device != Device::cuda || config.launch.with == LaunchWith::local || ranks_per_node <= gpus) return;
  if (gpus == 0 && config.launch.with == LaunchWith::mpirun && !config.launch.hosts.empty()) return;  // slots say how many there are
  throw Error(fmt::format("{} ranks a node need a GPU each, and launch.gpus_per_node = {}", ranks_per_node, gpus), "launch.gpus_per_node",
              fmt::format("set launch.gpus_per_node = {}, or run.device = \"cpu\"", ranks_per_node));
}

// Ranks that are asked to save as they begin come one step further a start, which no limit of starts in vain sees.
void check_time(const LaunchSection& launch) {
  if (launch.with != LaunchWith::slurm || launch.time.value == 0 || launch.time >= 2 * launch.warning) return;
  throw Error(
      fmt::format("launch.time = {:.0f} s is less than twice launch.warning = {:.0f} s: each start would save and end before it has "
                  "trained for long",
                  launch.time.value, launch.warning.value),
      "launch.time",
      fmt::format("raise launch.time to \"{:.0f} s\" or more, or set launch.warning to \"{:.0f} s\" or less, if a start and a save "
                  "take no longer than that",
                  2 * launch.warning.value, launch.time.value / 2));
}

}  // namespace

LaunchPlan plan_launch(const RunConfig& config, const std::string& file, const std::vector<std::string>& overrides,
                       const std::string& program, const std::vector<Host>& hosts) {
  const LaunchSection& launch = config.launch;
  LaunchPlan plan;
  plan.launch = launch;
  if (launch.with != LaunchWith::mpirun) plan.launch.hosts.clear();  // of machines outside of an allocation
  plan.folder = config.run.folder;
  plan.ranks = config.mesh.dp * config.mesh.pp * config.mesh.cp * config.mesh.tp;
  plan.ranks_per_node = ranks_of_node(launch, plan.ranks);
  plan.threads = config.run.threads;
  plan.elastic = is_elastic(config);
  plan.by_mpirun = launch.with == LaunchWith::slurm && launch.ranks_by == RanksBy::mpirun;
  if (launch.min_nodes > launch.nodes)
    throw Error(fmt::format("launch.min_nodes = {} is more than launch.nodes = {}", launch.min_nodes, launch.nodes), "launch.min_nodes",
                "nodes is what the job takes when it can, min_nodes what it makes do with");
  if (!hosts.empty()) spread_over_hosts(plan, hosts);
  const std::int64_t places = plan.ranks_per_node * launch.nodes;
  if (launch.with != LaunchWith::local && plan.launch.hosts.empty() && places < plan.ranks)
    throw Error(fmt::format("the mesh has {} ranks; {} node{} of {} are {}", plan.ranks, launch.nodes, launch.nodes == 1 ? "" : "s",
                            plan.ranks_per_node, places),
                "launch.nodes", fmt::format("set launch.nodes = {}", (plan.ranks + plan.ranks_per_node - 1) / plan.ranks_per_node),
                ExitCode::world);
  if (plan.elastic)
    fit_mesh(config, launch.min_nodes > 0 ? plan.ranks_per_node * launch.min_nodes : plan.ranks);  // throws now, not in the queue
  check_gpus(config, plan.ranks_per_node);
  check_time(launch);
  plan.program = {program};
  plan.train = {program, "train", file};
  plan.train.insert(plan.train.end(), overrides.begin(), overrides.end());
  return plan;
}

}  // namespace ergon
