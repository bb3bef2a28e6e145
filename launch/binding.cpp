// SPDX-License-Identifier: Apache-2.0
#include "launch/binding.hpp"

#include <fmt/format.h>
#include <hwloc.h>

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
  cores.all = hwloc_bitmap_isincluded(hwloc_topology_get_complete_cpuset(topology), ours.get()) != 0;
  const Processors part(hwloc_bitmap_alloc());
  for (hwloc_obj_t node = nullptr; (node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)) != nullptr;) {
    hwloc_bitmap_and(part.get(), node->cpuset, ours.get());
    if (std::vector<int> numbers = members(part.get()); !numbers.empty()) cores.domains.push_back(std::move(numbers));
  }
  return cores;
}

}  // namespace

std::vector<int> processors_of_rank(const AllowedCores& cores, LocalRank local, Binding how) {
  if (how == Binding::none || (how == Binding::automatic && (local.size == 1 || !cores.all))) return {};
  std::vector<std::pair<int, std::size_t>> in_order;  // processor, its domain
  for (std::size_t domain = 0; domain < cores.domains.size(); ++domain)
    for (const int processor : cores.domains[domain]) in_order.emplace_back(processor, domain);
  const std::size_t size = static_cast<std::size_t>(local.size), rank = static_cast<std::size_t>(local.rank),
                    share = in_order.size() / size;
  if (how == Binding::automatic && share < 2) return {};
  if (share == 0)
    throw Error(fmt::format("launch.bind = \"{}\" wants a processor for each of {} ranks, and {} are allowed here", choice_name(how),
                            local.size, in_order.size()),
                "launch.bind", "start fewer ranks on a node, or set launch.bind = \"none\"", ExitCode::world);
  const std::size_t first = rank * in_order.size() / size, end = (rank + 1) * in_order.size() / size;
  if (how == Binding::numa) return cores.domains[in_order[first].second];
  std::vector<int> processors;
  for (std::size_t i = first; i < end; ++i) processors.push_back(in_order[i].first);
  return processors;
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
