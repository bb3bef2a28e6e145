// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/job_finding.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "launch/binding.hpp"

namespace ergon {
namespace {

using Same = std::function<bool(const Finding&, const Finding&)>;

bool same_kind(const Finding& a, const Finding& b) { return a.part == b.part && a.condition == b.condition && a.cure == b.cure; }

void add(std::vector<JobFinding>& findings, Finding finding, int rank, const Same& same) {
  const auto found = std::ranges::find_if(findings, [&](const JobFinding& known) { return same(known.finding, finding); });
  if (found == findings.end()) {
    findings.push_back({std::move(finding), {rank}});
  } else {
    found->ranks.push_back(rank);
  }
}

void name_none_for_all(std::vector<JobFinding>& findings, std::size_t ranks) {
  for (JobFinding& finding : findings)
    if (finding.ranks.size() == ranks) finding.ranks.clear();
}

}  // namespace

std::vector<JobFinding> about_each(const std::vector<RankFacts>& ranks,
                                   const std::function<std::optional<Finding>(const RankFacts&)>& rule) {
  std::vector<JobFinding> findings;
  for (const RankFacts& rank : ranks)
    if (std::optional<Finding> finding = rule(rank))
      add(findings, std::move(*finding), rank.rank,
          [](const Finding& a, const Finding& b) { return same_kind(a, b) && a.found == b.found; });
  name_none_for_all(findings, ranks.size());
  return findings;
}

std::vector<JobFinding> about_each_kind(const std::vector<RankFacts>& ranks,
                                        const std::function<std::vector<Finding>(const RankFacts&)>& rule) {
  std::vector<JobFinding> findings;
  for (const RankFacts& rank : ranks)
    for (Finding& finding : rule(rank)) add(findings, std::move(finding), rank.rank, same_kind);
  name_none_for_all(findings, ranks.size());
  return findings;
}

std::vector<RankGroup> ranks_by(const std::vector<RankFacts>& ranks, const std::function<std::string(const RankFacts&)>& text) {
  std::vector<RankGroup> groups;
  for (const RankFacts& rank : ranks) {
    std::string key = text(rank);
    const auto found = std::ranges::find(groups, key, &RankGroup::text);
    if (found == groups.end()) {
      groups.push_back({std::move(key), {rank.rank}});
    } else {
      found->ranks.push_back(rank.rank);
    }
  }
  return groups;
}

Condition worst(const std::vector<JobFinding>& findings) {
  Condition most = Condition::good;
  for (const JobFinding& one : findings) most = std::max(most, one.finding.condition);
  return most;
}

std::string ranks_text(const std::vector<int>& ranks) {
  return fmt::format("{} {}", ranks.size() == 1 ? "rank" : "ranks", processor_ranges(ranks));
}

}  // namespace ergon
