// SPDX-License-Identifier: Apache-2.0
#include "launch/binding.hpp"

#include <fmt/format.h>
#include <hwloc.h>

#include <algorithm>
#include <memory>

#include "configs/error.hpp"
#include "configs/names.hpp"

namespace ergon {
namespace {

struct FreeTopology {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using Topology = std::unique_ptr<hwloc_topology, FreeTopology>;
struct FreeBitmap {
  void operator()(hwloc_bitmap_s* set) const { hwloc_bitmap_free(set); }
};
using Processors = std::unique_ptr<hwloc_bitmap_s, FreeBitmap>;

Topology load_topology() {
  hwloc_topology_t topology = nullptr;
  if (hwloc_topology_init(&topology) != 0) return nullptr;
  Topology owned(topology);
  return hwloc_topology_load(topology) == 0 ? std::move(owned) : nullptr;
}

std::vector<int> members(hwloc_const_bitmap_t set) {
  std::vector<int> numbers;
  for (int at = hwloc_bitmap_first(set); at >= 0; at = hwloc_bitmap_next(set, at)) numbers.push_back(at);
  return numbers;
}

AllowedCores allowed_cores(hwloc_topology_t topology) {
  AllowedCores cores;
  const Processors ours(hwloc_bitmap_alloc());
  if (hwloc_get_cpubind(topology, ours.get(), HWLOC_CPUBIND_PROCESS) != 0) return cores;
  const Processors part(hwloc_bitmap_alloc());
  for (hwloc_obj_t node = nullptr; (node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)) != nullptr;) {
    std::vector<AllowedCores::Core> domain;
    const auto take = [&](hwloc_const_bitmap_t set) {
      hwloc_bitmap_and(part.get(), set, ours.get());
      hwloc_bitmap_and(part.get(), part.get(), node->cpuset);
      if (std::vector<int> numbers = members(part.get()); !numbers.empty()) domain.push_back(std::move(numbers));
      hwloc_bitmap_andnot(ours.get(), ours.get(), part.get());  // two kinds of memory may lie beside the same cores
    };
    for (hwloc_obj_t core = nullptr; (core = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_CORE, core)) != nullptr;) take(core->cpuset);
    // A machine that does not tell its cores has its processors at least.
    for (hwloc_obj_t unit = nullptr; (unit = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, unit)) != nullptr;) take(unit->cpuset);
    if (!domain.empty()) cores.domains.push_back(std::move(domain));
  }
  return cores;
}

struct Placed {
  std::vector<int> processors;
  std::size_t domain;
};

// What ranks are dealt: whole cores, or processors one by one, siblings side by side, where there are fewer cores than ranks.
std::vector<Placed> in_order(const AllowedCores& cores, std::size_t ranks) {
  std::vector<Placed> whole, single;
  for (std::size_t domain = 0; domain < cores.domains.size(); ++domain)
    for (const AllowedCores::Core& core : cores.domains[domain]) {
      whole.push_back({core, domain});
      for (const int processor : core) single.push_back({{processor}, domain});
    }
  return whole.size() < ranks ? single : whole;
}

}  // namespace

std::vector<int> processors_of_rank(const AllowedCores& cores, LocalRank local, Binding how) {
  if (how == Binding::none || (how == Binding::automatic && (local.size == 1 || !local.same_processors))) return {};
  const std::size_t size = static_cast<std::size_t>(local.size), rank = static_cast<std::size_t>(local.rank);
  const std::vector<Placed> all = in_order(cores, size);
  if (all.size() < size && how != Binding::automatic)
    throw Error(fmt::format("launch.bind = \"{}\" wants a processor for each of {} ranks, and {} are allowed here", choice_name(how),
                            local.size, all.size()),
                "launch.bind", "start fewer ranks on a node, or set launch.bind = \"none\"", ExitCode::world);
  const auto share = [&](std::size_t of_rank) {
    std::vector<int> processors;
    for (std::size_t i = of_rank * all.size() / size; i < (of_rank + 1) * all.size() / size; ++i)
      processors.insert(processors.end(), all[i].processors.begin(), all[i].processors.end());
    std::ranges::sort(processors);
    return processors;
  };
  if (how == Binding::numa) {
    std::vector<int> processors;
    for (const AllowedCores::Core& core : cores.domains[all[rank * all.size() / size].domain])
      processors.insert(processors.end(), core.begin(), core.end());
    std::ranges::sort(processors);
    return processors;
  }
  // All or none: a rank that is not bound would run on the processors of those that are.
  if (how == Binding::automatic)
    for (std::size_t other = 0; other < size; ++other)
      if (share(other).size() < 2) return {};
  return share(rank);
}

std::string bind_rank(LocalRank local, Binding how) {
  if (how == Binding::none || (how == Binding::automatic && local.size == 1)) return "";
  const Topology topology = load_topology();
  if (topology == nullptr) return "";
  const std::vector<int> processors = processors_of_rank(allowed_cores(topology.get()), local, how);
  if (processors.empty()) return "";
  const Processors set(hwloc_bitmap_alloc());
  for (const int processor : processors) hwloc_bitmap_set(set.get(), static_cast<unsigned>(processor));
  if (hwloc_set_cpubind(topology.get(), set.get(), HWLOC_CPUBIND_PROCESS) != 0)
    throw Error("the system refuses to bind this rank to processors " + processor_ranges(processors), "launch.bind",
                "set launch.bind = \"none\"", ExitCode::world);
  return "processors " + processor_ranges(processors);
}

std::string processor_ranges(const std::vector<int>& processors) {
  std::string text;
  for (std::size_t i = 0; i < processors.size();) {
    std::size_t last = i;
    while (last + 1 < processors.size() && processors[last + 1] == processors[last] + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", processors[i]);
    if (last > i) text += fmt::format("-{}", processors[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace ergon
