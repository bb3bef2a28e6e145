// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/job_links.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace ergon {
namespace {

bool one_node(const ExaminedJob& job) {
  return std::ranges::all_of(job.ranks, [&](const RankFacts& rank) { return rank.host == job.ranks.front().host; });
}

std::set<std::string> names_of(const std::vector<NetworkInterface>& interfaces) {
  std::set<std::string> names;
  for (const NetworkInterface& one : interfaces) names.insert(one.name);
  return names;
}

std::string joined(const std::set<std::string>& names) { return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")); }

std::optional<Finding> missing_interface(const ExaminedJob& job, const RankFacts& rank) {
  const std::string rule = rule_of(job, rank);
  if (!interfaces_of_rule(rank.interfaces, rule).empty()) return std::nullopt;
  if (rule.empty() && one_node(job)) return std::nullopt;
  if (rule.empty())
    return Finding{"interface", Condition::broken, "no network but loopback", "the other nodes cannot be reached: bring an interface up"};
  return Finding{"interface", one_node(job) ? Condition::note : Condition::broken,
                 fmt::format("no interface {}; there are {}", rule, joined(names_of(rank.interfaces))),
                 fmt::format("set {} to one that every node has, or to a network such as 10.1.0.0/16",
                             job.needs.interface.empty() ? "OMPI_MCA_btl_tcp_if_include" : "launch.interface")};
}

// Addresses that two nodes have both: of docker0, virbr0. Who connects to one reaches itself.
std::set<std::string> shared_addresses(const ExaminedJob& job) {
  std::map<std::string, std::string> hosts;
  std::set<std::string> names;
  for (const RankFacts& rank : job.ranks)
    for (const NetworkInterface& one : interfaces_of_rule(rank.interfaces, rule_of(job, rank)))
      if (!hosts.try_emplace(one.address, rank.host).second && hosts[one.address] != rank.host) names.insert(one.name);
  return names;
}

std::optional<Finding> undecided(const ExaminedJob& job, const RankFacts& rank) {
  const std::set<std::string> names = names_of(interfaces_of_rule(rank.interfaces, ""));
  if (!rule_of(job, rank).empty() || names.size() < 2) return std::nullopt;
  return Finding{"interface", Condition::note, fmt::format("{}: Open MPI and NCCL choose each for itself", joined(names)),
                 fmt::format("say which: launch.interface = \"{}\"", rank.route.empty() ? *names.begin() : rank.route)};
}

std::optional<Finding> two_words(const ExaminedJob& job, const RankFacts& rank) {
  if (job.needs.interface.empty() || rank.rule.empty() || rank.rule == job.needs.interface) return std::nullopt;
  return Finding{"interface", Condition::note,
                 fmt::format("launch.interface = {}, but these ranks were started with OMPI_MCA_btl_tcp_if_include={}", job.needs.interface,
                             rank.rule),
                 "`ergon launch` sets it by launch.interface"};
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

std::optional<Finding> slow_link(const ExaminedJob& job, const PairFigures& pair, double usual) {
  constexpr double slow = 50e6;  // bytes a second
  if (pair.pair.kind != PairClass::different_nodes || (pair.rate >= usual / 2 && pair.rate >= slow)) return std::nullopt;
  const auto host = [&](int rank) { return job.ranks[static_cast<std::size_t>(rank)].host; };
  return Finding{"links", Condition::poor,
                 fmt::format("{} between {} and {}{}; the median of the nodes is {}", rate_text(pair.rate), host(pair.pair.a),
                             host(pair.pair.b), pair.over.empty() ? "" : " over " + pair.over, rate_text(usual)),
                 "look at the cable, the switch port and its speed (ethtool), or choose another network with launch.interface"};
}

}  // namespace

std::string rule_of(const ExaminedJob& job, const RankFacts& rank) { return job.needs.interface.empty() ? rank.rule : job.needs.interface; }

std::vector<JobFinding> judge_start(const ExaminedJob& job) {
  if (one_node(job)) return {};
  return about_each(job.ranks, [](const RankFacts& rank) -> std::optional<Finding> {
    if (!rank.mixed_fences) return std::nullopt;
    return Finding{"start", Condition::poor, "with Slurm's default of SLURM_PMIX_FENCE a rank may now and then die of SIGSEGV in MPI_Init",
                   "export SLURM_PMIX_FENCE=tree before srun; scripts of `ergon launch` do"};
  });
}

std::vector<JobFinding> judge_interfaces(const ExaminedJob& job) {
  using Rule = std::optional<Finding> (*)(const ExaminedJob&, const RankFacts&);
  std::vector<JobFinding> findings;
  const auto add = [&](Rule rule) {
    std::ranges::move(about_each(job.ranks, [&](const RankFacts& rank) { return rule(job, rank); }), std::back_inserter(findings));
  };
  add(missing_interface);
  if (one_node(job)) {
    if (findings.empty()) findings.push_back({{"interface", Condition::good, "one node: ranks talk through its memory", ""}});
    return findings;
  }
  if (const std::set<std::string> names = shared_addresses(job); !names.empty())
    findings.push_back({{"interface", Condition::poor, fmt::format("{} has the same address on several nodes", joined(names)),
                         "Open MPI may connect a node to itself and wait for ever: choose another network with launch.interface"}});
  add(undecided);
  add(two_words);
  if (findings.empty()) {
    std::set<std::string> routes;
    for (const RankFacts& rank : job.ranks) routes.insert(rank.route.empty() ? "no route" : rank.route);
    findings.push_back({{"interface", Condition::good, joined(routes), ""}});
  }
  return findings;
}

std::vector<JobFinding> judge_links(const ExaminedJob& job) {
  if (job.pairs.empty()) return {};
  std::vector<double> rates;
  for (const PairFigures& pair : job.pairs)
    if (pair.pair.kind == PairClass::different_nodes) rates.push_back(pair.rate);
  std::vector<JobFinding> findings;
  std::set<std::string> kinds;
  std::string all;
  for (const PairFigures& pair : job.pairs) {
    if (std::optional<Finding> slow = rates.empty() ? std::nullopt : slow_link(job, pair, median(rates)))
      findings.push_back({*slow, {pair.pair.a, pair.pair.b}});
    if (kinds.insert(name(pair.pair.kind)).second)
      all += fmt::format("{}{} {}, {}", all.empty() ? "" : "; ", name(pair.pair.kind), time_text(pair.latency), rate_text(pair.rate));
  }
  if (findings.empty()) findings.push_back({{"links", Condition::good, all, ""}});
  return findings;
}

std::string time_text(Seconds seconds) {
  if (seconds.value < 1e-3) return fmt::format("{:.1f} us", 1e6 * seconds.value);
  return seconds.value < 1 ? fmt::format("{:.1f} ms", 1e3 * seconds.value) : fmt::format("{:.1f} s", seconds.value);
}

std::string rate_text(double per_second) {
  return per_second < 1e9 ? fmt::format("{:.0f} MB/s", per_second / 1e6) : fmt::format("{:.1f} GB/s", per_second / 1e9);
}

}  // namespace ergon
