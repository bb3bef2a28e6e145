// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/job_agreement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "accounting/report/figures.hpp"

namespace ergon {
namespace {

// "ranks 0-2 have a, rank 3 has b"
std::string side_by_side(const std::vector<RankGroup>& groups) {
  std::string text;
  for (const RankGroup& group : groups)
    text += fmt::format("{}{} {} {}", text.empty() ? "" : ", ", ranks_text(group.ranks), group.ranks.size() == 1 ? "has" : "have",
                        group.text.empty() ? "none" : group.text);
  return text;
}

std::string milliseconds(Seconds seconds) { return fmt::format("{:.3g} ms", 1e3 * seconds.value); }

const std::string& host_of_rank_zero(const ExaminedJob& job) { return job.ranks.front().host; }

// Of those ranks that have such a text.
std::vector<RankGroup> known_by(const std::vector<RankFacts>& ranks, const std::function<std::string(const RankFacts&)>& text) {
  std::vector<RankGroup> groups = ranks_by(ranks, text);
  std::erase_if(groups, [](const RankGroup& group) { return group.text.empty(); });
  return groups;
}

// One entry of a key of [data]: who cannot read it, and who finds another file under its name.
std::vector<JobFinding> judge_entry(const ExaminedJob& job, std::size_t index) {
  const char* cure =
      "put it into a folder that all nodes share, under one path said from the root, and let the user that starts the ranks read it";
  const DataView& entry = job.ranks.front().data[index];
  const std::string name = fmt::format("{} '{}'", entry.key, entry.path);
  std::vector<JobFinding> findings = about_each(job.ranks, [&](const RankFacts& rank) -> std::optional<Finding> {
    const std::string& problem = rank.data[index].problem;
    if (problem.empty()) return std::nullopt;
    return Finding{"data", Condition::broken, fmt::format("{}: {}", name, problem), cure};
  });
  const std::vector<RankGroup> sizes = known_by(job.ranks, [&](const RankFacts& rank) {
    const DataView& view = rank.data[index];
    return view.problem.empty() ? fmt::format("{} bytes", view.bytes.value) : std::string();
  });
  if (sizes.size() > 1) findings.push_back({{"data", Condition::broken, fmt::format("{}: {}", name, side_by_side(sizes)), cure}});
  return findings;
}

}  // namespace

std::vector<JobFinding> judge_binary(const ExaminedJob& job) {
  const char* cure = "start the same file everywhere: put the build into a folder that all nodes share, or copy it to each";
  const std::vector<RankGroup> builds = ranks_by(job.ranks, [](const RankFacts& rank) { return rank.binary; });
  if (builds.size() > 1) return {{{"binary", Condition::broken, side_by_side(builds), cure}}};
  const std::vector<RankGroup> files = known_by(job.ranks, [](const RankFacts& rank) { return rank.file_hash; });
  if (files.size() > 1)
    return {{{"binary", Condition::broken,
              fmt::format("one build id, {}, but files that differ, by SHA-256: {}", builds[0].text, side_by_side(files)), cure}}};
  std::vector<JobFinding> findings = about_each(job.ranks, [](const RankFacts& rank) -> std::optional<Finding> {
    if (!rank.file_hash.empty()) return std::nullopt;
    return Finding{"binary", Condition::note, "the program's file may be run but not read: its SHA-256 is unknown", "chmod a+r it"};
  });
  if (findings.empty()) findings.push_back({{"binary", Condition::good, fmt::format("{}, SHA-256 {}", builds[0].text, files[0].text), ""}});
  return findings;
}

std::vector<JobFinding> judge_versions(const ExaminedJob& job) {
  std::vector<JobFinding> findings;
  std::string all;
  for (const auto& [library, version] : job.ranks.front().versions) {
    const std::vector<RankGroup> groups = ranks_by(job.ranks, [&](const RankFacts& rank) {
      const auto found = rank.versions.find(library);
      return found == rank.versions.end() ? std::string() : found->second;
    });
    if (groups.size() > 1)
      findings.push_back(
          {{"versions", library == "mpi" ? Condition::broken : Condition::poor, fmt::format("{}: {}", library, side_by_side(groups)),
            "load the same modules on every node, and look at LD_LIBRARY_PATH there"}});
    if (!version.empty()) all += fmt::format("{}{} {}", all.empty() ? "" : ", ", library, version);
  }
  if (findings.empty()) findings.push_back({{"versions", Condition::good, all, ""}});
  return findings;
}

std::vector<JobFinding> judge_processors(const ExaminedJob& job) {
  const std::vector<RankGroup> groups = ranks_by(job.ranks, [](const RankFacts& rank) { return rank.processor; });
  if (groups.size() == 1) return {{{"processor", Condition::good, groups[0].text, ""}}};
  return {{{"processor", Condition::note, side_by_side(groups),
            "the slowest sets the pace, and a run is continued bit for bit only on the same processors: ask for one kind of node"}}};
}

std::vector<JobFinding> judge_clocks(const ExaminedJob& job) {
  constexpr double most_skew = 1;  // seconds: below it times in logs of different ranks keep their order
  Seconds apart = {0};
  for (const RankFacts& rank : job.ranks) apart = {std::max(apart.value, std::abs(rank.clock.ahead.value) + rank.clock.bound.value)};
  std::vector<JobFinding> findings = about_each(job.ranks, [&](const RankFacts& rank) -> std::optional<Finding> {
    const double ahead = rank.clock.ahead.value;
    if (std::abs(ahead) - rank.clock.bound.value <= most_skew) return std::nullopt;
    return Finding{"clock", Condition::poor,
                   fmt::format("the clock of {} is {:.1f} s {} that of {}", rank.host, std::abs(ahead), ahead > 0 ? "ahead of" : "behind",
                               host_of_rank_zero(job)),
                   "run chrony or ntpd on every node: logs disagree, and --stop-at and the end of a job are judged by rank 0's clock"};
  });
  if (findings.empty()) findings.push_back({{"clock", Condition::good, fmt::format("within {} of rank 0's", milliseconds(apart)), ""}});
  return findings;
}

std::vector<JobFinding> judge_folder(const ExaminedJob& job) {
  // Where nobody said which folder the run will have, it is the one that doctor was started in.
  const Condition wrong = job.needs.folder_named ? Condition::broken : Condition::poor;
  const std::string cure = job.needs.folder_named
                               ? "set run.folder to a path on a file system that all nodes share, and say it from the root"
                               : "name the folder of the run with --run, or start doctor where the run will be started";
  const bool written = job.ranks.front().folder.problem.empty();
  std::vector<JobFinding> findings = about_each(job.ranks, [&](const RankFacts& rank) -> std::optional<Finding> {
    const FolderView& view = rank.folder;
    if (!view.there) return Finding{"folder", wrong, fmt::format("there is no folder {}, or it may not be entered", view.path), cure};
    if (!view.problem.empty())
      return Finding{"folder", wrong, fmt::format("nothing can be written in {}: {}", view.path, view.problem),
                     "mount it for writing, make room, or set run.folder to another path"};
    if (written && !view.sees)
      return Finding{"folder", wrong,
                     fmt::format("in {} a file that rank 0 wrote is not there after {:.0f} s", view.path, view.waited.value), cure};
    if (!view.is_seen) return Finding{"folder", wrong, fmt::format("what is written in {} rank 0 does not see", view.path), cure};
    return std::nullopt;
  });
  if (!findings.empty()) return findings;
  const auto slowest = std::ranges::max_element(job.ranks, {}, [](const RankFacts& rank) { return rank.folder.waited; });
  const std::string& path = job.ranks.front().folder.path;
  if (slowest->folder.waited.value > 1)
    return {{{"folder", Condition::note,
              fmt::format("{}: rank {} saw a new file after {:.1f} s", path, slowest->rank, slowest->folder.waited.value),
              "stop and save files are noticed as late: lower the attribute cache of the mount (actimeo)"}}};
  return {{{"folder", Condition::good, path + ", the same for all ranks", ""}}};
}

std::vector<JobFinding> judge_data(const ExaminedJob& job) {
  const std::vector<DataView>& all = job.ranks.front().data;
  std::vector<JobFinding> findings;
  std::int64_t files = 0;
  Bytes bytes = {0};
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::ranges::move(judge_entry(job, i), std::back_inserter(findings));
    files += all[i].files;
    bytes += all[i].bytes;
  }
  if (findings.empty() && files > 0)
    findings.push_back(
        {{"data", Condition::good,
          fmt::format("{} file{} of {} together, read by every rank", files, files == 1 ? "" : "s", rounded_bytes(bytes)), ""}});
  return findings;
}

}  // namespace ergon
