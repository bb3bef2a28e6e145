// SPDX-License-Identifier: Apache-2.0
#include "launch/jobs/launch_plan.hpp"

#include <fmt/format.h>

#include "configs/error.hpp"
#include "parallel/plan/elastic_mesh.hpp"

namespace ergon {
namespace {

std::int64_t ranks_of_node(const LaunchSection& launch, std::int64_t ranks) {
  if (launch.ranks_per_node > 0) return launch.ranks_per_node;
  if (launch.gpus_per_node > 0) return launch.gpus_per_node;
  return (ranks + launch.nodes - 1) / launch.nodes;
}

void check_gpus(const RunConfig& config, std::int64_t ranks_per_node) {
  const std::int64_t gpus = config.launch.gpus_per_node;
  if (config.run.device != Device::cuda || config.launch.with == LaunchWith::local || ranks_per_node <= gpus) return;
  throw Error(fmt::format("{} ranks a node need a GPU each, and launch.gpus_per_node = {}", ranks_per_node, gpus), "launch.gpus_per_node",
              fmt::format("set launch.gpus_per_node = {}, or run.device = \"cpu\"", ranks_per_node));
}

}  // namespace

LaunchPlan plan_launch(const RunConfig& config, const std::string& file, const std::vector<std::string>& overrides,
                       const std::string& program) {
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
  const std::int64_t places = plan.ranks_per_node * launch.nodes;
  if (launch.with != LaunchWith::local && plan.launch.hosts.empty() && places < plan.ranks)
    throw Error(fmt::format("the mesh has {} ranks; {} node{} of {} are {}", plan.ranks, launch.nodes, launch.nodes == 1 ? "" : "s",
                            plan.ranks_per_node, places),
                "launch.nodes", fmt::format("set launch.nodes = {}", (plan.ranks + plan.ranks_per_node - 1) / plan.ranks_per_node),
                ExitCode::world);
  if (plan.elastic)
    fit_mesh(config, launch.min_nodes > 0 ? plan.ranks_per_node * launch.min_nodes : plan.ranks);  // throws now, not in the queue
  check_gpus(config, plan.ranks_per_node);
  plan.program = {program};
  plan.train = {program, "train", file};
  plan.train.insert(plan.train.end(), overrides.begin(), overrides.end());
  return plan;
}

}  // namespace ergon
