// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/run_needs.hpp"

#include <fmt/format.h>

#include "accounting/parameters.hpp"
#include "configs/error.hpp"
#include "parallel/plan/elastic_mesh.hpp"
#include "parallel/plan/refusals.hpp"

namespace ergon {
namespace {

std::string mesh_text(const MeshSection& mesh) { return fmt::format("dp={} pp={} cp={} tp={}", mesh.dp, mesh.pp, mesh.cp, mesh.tp); }

Finding refused(const Error& error) { return {"mesh", Condition::broken, error.problem(), error.hint()}; }

// As `ergon train` would take the ranks: an elastic run by the mesh that they allow, any other by its own.
std::vector<Finding> fit_ranks(RunConfig& config, int world) {
  std::int64_t ranks = world;
  try {
    if (is_elastic(config)) {
      const FittedMesh mesh = fit_mesh(config, world);
      config = on_mesh(config, mesh);
      ranks = mesh.ranks();
    }
  } catch (const Error& error) {
    return {refused(error)};
  }
  std::vector<Finding> findings;
  for (const Error& error : plan_refusals(config, static_cast<int>(ranks))) findings.push_back(refused(error));
  if (!findings.empty()) return findings;
  if (ranks < world)
    return {{"mesh", Condition::note, fmt::format("{} takes {} of {} ranks, the others are idle", mesh_text(config.mesh), ranks, world),
             "start as many ranks as the mesh has"}};
  return {{"mesh", Condition::good, fmt::format("{} on {} ranks", mesh_text(config.mesh), world), ""}};
}

}  // namespace

RunNeeds needs_of(const RunConfig& given, int ranks) {
  RunConfig config = given;
  RunNeeds needs;
  needs.mesh = fit_ranks(config, ranks);
  needs.folder_named = true;
  needs.cuda = config.run.device == Device::cuda;
  needs.threads = config.run.threads;
  needs.interface = config.launch.interface;
  // Masters and two moments, in float64 only where the run computes in it.
  const std::int64_t bytes_a_parameter = config.train.dtype == DType::float64 ? 24 : 12;
  needs.checkpoint = {count_parameters(config.model).total * bytes_a_parameter};
  needs.checkpoints = config.checkpoint.keep + 1;  // the oldest goes when the newest is complete
  const std::int64_t parts = config.mesh.pp * config.mesh.tp * (config.mesh.zero > 0 ? config.mesh.dp * config.mesh.cp : 1);
  needs.state = {needs.checkpoint.value / parts};
  needs.equal_parts = config.mesh.pp == 1;
  needs.peak = device_peak(config.accounting.peak, DType::bfloat16);
  return needs;
}

}  // namespace ergon
