// SPDX-License-Identifier: Apache-2.0
#include "parallel/plan/elastic_mesh.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "configs/error.hpp"
#include "parallel/plan/refusals.hpp"

namespace ergon {
namespace {

bool can_run(const RunConfig& config, const FittedMesh& mesh) {
  return config.train.batch % (mesh.dp * mesh.microbatch) == 0 &&
         plan_refusals(on_mesh(config, mesh), static_cast<int>(mesh.ranks())).empty();
}

// The largest microbatch of a mesh that runs; nothing where none does.
std::optional<FittedMesh> with_microbatch(const RunConfig& config, FittedMesh mesh) {
  if (config.train.batch % mesh.dp != 0) return std::nullopt;
  const std::int64_t most = std::min(config.train.microbatch, config.train.batch / mesh.dp);
  for (mesh.microbatch = most; mesh.microbatch >= 1; --mesh.microbatch)
    if (can_run(config, mesh)) return mesh;
  return std::nullopt;
}

[[noreturn]] void refuse_entry(const std::string& entry) {
  throw Error(fmt::format("launch.meshes: '{}' is no mesh", entry), "launch.meshes",
              "write axes and their sizes: \"dp=2 tp=2\", those not named are 1");
}

FittedMesh parse_mesh(const std::string& entry) {
  FittedMesh mesh;
  std::set<std::string> seen;
  for (std::size_t at = 0; at < entry.size();) {
    const std::size_t end = std::min(entry.find(' ', at), entry.size());
    const std::string word = entry.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    const std::string axis = word.substr(0, word.find('='));
    std::int64_t* size = axis == "dp" ? &mesh.dp : axis == "pp" ? &mesh.pp : axis == "cp" ? &mesh.cp : axis == "tp" ? &mesh.tp : nullptr;
    if (size == nullptr || axis.size() == word.size() || !seen.insert(axis).second) refuse_entry(entry);
    const char *begin = word.data() + axis.size() + 1, *stop = word.data() + word.size();
    const auto [next, code] = std::from_chars(begin, stop, *size);
    if (code != std::errc() || next != stop || *size < 1 || *size > 1 << 20) refuse_entry(entry);
  }
  if (seen.empty()) refuse_entry(entry);
  return mesh;
}

// Every mesh that the run file allows and that runs, best first; none of more than `world` ranks.
std::vector<FittedMesh> fitting_meshes(const RunConfig& config, std::int64_t world) {
  std::vector<FittedMesh> fitting;
  const auto consider = [&](const FittedMesh& mesh) {
    if (mesh.ranks() > world) return;
    if (const auto fitted = with_microbatch(config, mesh)) fitting.push_back(*fitted);
  };
  if (!config.launch.meshes.empty()) {
    consider({config.mesh.dp, config.mesh.pp, config.mesh.cp, config.mesh.tp, 1});
    for (const std::string& entry : config.launch.meshes) consider(parse_mesh(entry));
    return fitting;
  }
  const FittedMesh one{1, config.mesh.pp, config.mesh.cp, config.mesh.tp, 1};
  for (std::int64_t dp = std::min(config.train.batch, world / one.ranks()); dp >= 1; --dp) consider({dp, one.pp, one.cp, one.tp, 1});
  return fitting;
}

}  // namespace

bool is_elastic(const RunConfig& config) { return config.launch.min_nodes > 0 || !config.launch.meshes.empty(); }

RunConfig on_mesh(RunConfig config, const FittedMesh& mesh) {
  config.mesh.dp = mesh.dp;
  config.mesh.pp = mesh.pp;
  config.mesh.cp = mesh.cp;
  config.mesh.tp = mesh.tp;
  config.train.microbatch = mesh.microbatch;
  // Keys of an axis that is gone say nothing any more, and are refused when they say something.
  const MeshSection defaults;
  if (mesh.cp == 1) {
    config.mesh.attention = defaults.attention;
    config.mesh.layout = defaults.layout;
    config.mesh.ulysses = defaults.ulysses;
    config.mesh.gather_heads = defaults.gather_heads;
  }
  if (mesh.pp == 1) {
    config.mesh.schedule = defaults.schedule;
    config.mesh.virtual_stages = defaults.virtual_stages;
  }
  if (mesh.tp == 1) config.mesh.sequence_parallel = false;
  if (mesh.dp * mesh.cp == 1) config.mesh.zero = 0;
  return config;
}

FittedMesh fit_mesh(const RunConfig& config, std::int64_t world) {
  const std::vector<FittedMesh> fitting = fitting_meshes(config, world);
  if (!fitting.empty()) return fitting.front();
  const std::int64_t whole = config.mesh.dp * config.mesh.pp * config.mesh.cp * config.mesh.tp;
  std::set<std::int64_t> sizes;
  for (const FittedMesh& mesh : fitting_meshes(config, std::max(whole, world))) sizes.insert(mesh.ranks());
  throw Error(fmt::format("no mesh of this run fits {} rank{}", world, world == 1 ? "" : "s"), "",
              sizes.empty() ? "its own mesh does not run either: `ergon launch --dry-run` says why"
                            : fmt::format("numbers of ranks that do: {}", fmt::join(sizes, ", ")),
              ExitCode::world);
}

}  // namespace ergon
