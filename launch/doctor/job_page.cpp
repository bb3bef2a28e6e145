// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/job_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "accounting/report/figures.hpp"
#include "launch/binding.hpp"
#include "launch/doctor/job_fitness.hpp"
#include "launch/doctor/job_links.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;
using PageRow = std::vector<std::string>;

std::string table(const std::vector<PageRow>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const PageRow& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const PageRow& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

std::string clock_text(const RankFacts& rank) {
  if (rank.rank == 0) return "0";
  return fmt::format("{:+.3g} +- {:.2g} ms", 1e3 * rank.clock.ahead.value, 1e3 * rank.clock.bound.value);
}

// Which set of library versions a rank has: A is that of rank 0.
std::string versions_letter(const ExaminedJob& job, const RankFacts& rank) {
  std::vector<std::map<std::string, std::string>> sets;
  for (const RankFacts& other : job.ranks)
    if (std::ranges::find(sets, other.versions) == sets.end()) sets.push_back(other.versions);
  const auto which = static_cast<std::size_t>(std::ranges::find(sets, rank.versions) - sets.begin());
  return which < 26 ? std::string(1, static_cast<char>('A' + which)) : fmt::format("{}", which + 1);
}

std::string rank_table(const ExaminedJob& job) {
  std::vector<PageRow> rows = {
      {"rank", "host", "local", "processors", "memory", "disk", "interface", "clock", "gpu", "products", "binary", "libraries"}};
  for (const RankFacts& rank : job.ranks)
    rows.push_back({fmt::format("{}", rank.rank), rank.host, fmt::format("{} of {}", rank.local.rank, rank.local.size),
                    or_dash(processor_ranges(rank.processors)), rounded_bytes(rank.memory_available),
                    rank.folder.there ? rounded_bytes(rank.folder.free) : "missing", or_dash(rank.route), clock_text(rank),
                    or_dash(rank.gpu), flops_text(rank.products), or_dash(rank.file_hash.substr(0, 8)), versions_letter(job, rank)});
  return table(rows);
}

std::string pair_table(const ExaminedJob& job) {
  std::vector<PageRow> rows = {{"pair", "ranks", "over", "8 B", "4 MiB"}};
  for (const PairFigures& pair : job.pairs)
    rows.push_back({name(pair.pair.kind), fmt::format("{}, {}", pair.pair.a, pair.pair.b), pair.over.empty() ? "memory" : pair.over,
                    time_text(pair.latency), rate_text(pair.rate)});
  return table(rows);
}

std::string verdict(const std::vector<JobFinding>& findings) {
  std::set<std::string> broken;
  for (const JobFinding& one : findings)
    if (one.finding.condition == Condition::broken) broken.insert(one.finding.part);
  if (!broken.empty()) return fmt::format("verdict: broken; a job on these ranks would fail: {}\n", fmt::join(broken, ", "));
  return fmt::format("verdict: {}; nothing found that a job on these ranks would fail of\n", name(worst(findings)));
}

Json pair_json(const PairFigures& pair) {
  return {{"class", name(pair.pair.kind)},
          {"ranks", {pair.pair.a, pair.pair.b}},
          {"interface", pair.over},
          {"latency", pair.latency.value},
          {"bytes_per_second", pair.rate}};
}

}  // namespace

std::string findings_text(const std::vector<JobFinding>& findings) {
  std::string text;
  for (const auto& [finding, ranks] : findings) {
    text += fmt::format("{:<6}  {:<13}  {}{}\n", name(finding.condition), finding.part, ranks.empty() ? "" : ranks_text(ranks) + ": ",
                        finding.found);
    if (!finding.cure.empty()) text += fmt::format("{:23}-> {}\n", "", finding.cure);
  }
  return text;
}

std::string job_page(const ExaminedJob& job, const std::vector<JobFinding>& findings) {
  std::set<std::string> hosts;
  for (const RankFacts& rank : job.ranks) hosts.insert(rank.host);
  std::string text = fmt::format("{} rank{} on {} node{}\n\n{}\n", job.ranks.size(), job.ranks.size() == 1 ? "" : "s", hosts.size(),
                                 hosts.size() == 1 ? "" : "s", rank_table(job));
  if (!job.pairs.empty()) text += pair_table(job) + "\n";
  return text + findings_text(findings) + "\n" + verdict(findings);
}

Json findings_json(const std::vector<JobFinding>& findings) {
  Json object{{"schema", "ergon.doctor.v1"}, {"usable", worst(findings) != Condition::broken}, {"findings", Json::array()}};
  for (const auto& [finding, ranks] : findings) {
    Json one{{"part", finding.part}, {"verdict", name(finding.condition)}, {"found", finding.found}, {"cure", finding.cure}};
    if (!ranks.empty()) one["ranks"] = ranks;
    object["findings"].push_back(std::move(one));
  }
  return object;
}

Json job_json(const ExaminedJob& job, const std::vector<JobFinding>& findings) {
  Json object = findings_json(findings);
  object["ranks"] = Json::array();
  for (const RankFacts& rank : job.ranks) object["ranks"].push_back(to_json(rank));
  object["pairs"] = Json::array();
  for (const PairFigures& pair : job.pairs) object["pairs"].push_back(pair_json(pair));
  return object;
}

}  // namespace ergon
