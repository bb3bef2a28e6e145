// SPDX-License-Identifier: Apache-2.0
#include "launch/flight_records.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>

#include "accounting/report/run_files.hpp"
#include "configs/error.hpp"
#include "parallel/flight_format.hpp"
#include "parallel/flight_verdicts.hpp"

namespace ergon {
namespace {

namespace fs = std::filesystem;

// "rank_00003.json" between its prefix and suffix: 3.
std::optional<std::int64_t> number_in(const std::string& name, const std::string& prefix, const std::string& suffix) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix) || name.size() <= prefix.size() + suffix.size()) return {};
  const char *begin = name.data() + prefix.size(), *end = name.data() + name.size() - suffix.size();
  std::int64_t number = 0;
  const auto [stop, code] = std::from_chars(begin, end, number);
  return code == std::errc() && stop == end ? std::optional(number) : std::nullopt;
}

// By number, the files or folders of such names.
std::map<std::int64_t, fs::path> numbered(const fs::path& folder, const std::string& prefix, const std::string& suffix) {
  std::map<std::int64_t, fs::path> found;
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, none))
    if (const auto number = number_in(entry.path().filename().string(), prefix, suffix)) found[*number] = entry.path();
  return found;
}

ReadFlight read_record(const fs::path& path, std::int64_t rank) {
  const std::optional<std::string> text = text_if_there(path.string());
  if (!text) throw Error("this flight record cannot be opened", path.string(), "check its permissions", ExitCode::data);
  ReadFlight flight = parse_flight(*text, path.string());
  if (flight.rank != rank)
    throw Error(fmt::format("this is the record of rank {}", flight.rank), path.string(),
                fmt::format("it belongs in {}: put it back, or move it away", flight_file_name(flight.rank)), ExitCode::data);
  return flight;
}

}  // namespace

FlightRecords read_flight_records(const std::string& run, std::optional<std::int64_t> attempt) {
  if (!fs::is_directory(run))
    throw Error(fmt::format("there is no run folder '{}'", run), run, "name the run.folder of a training run", ExitCode::data);
  std::map<std::int64_t, std::map<std::int64_t, fs::path>> found;
  for (const auto& [number, folder] : numbered(fs::path(run) / "flight", "attempt_", ""))
    if (auto records = numbered(folder, "rank_", ".json"); !records.empty()) found[number] = std::move(records);
  if (found.empty())
    throw Error(fmt::format("'{}' holds no flight records", run), run,
                "ranks write them when a run of several ends with code 5, or because one of them cannot go on", ExitCode::data);
  FlightRecords result;
  result.run = run;
  for (const auto& [number, records] : found) result.attempts.push_back(number);
  result.attempt = attempt.value_or(result.attempts.back());
  const auto chosen = found.find(result.attempt);
  if (chosen == found.end())
    throw Error(fmt::format("attempt {} has no flight records", result.attempt), run,
                fmt::format("attempts that have: {}", fmt::join(result.attempts, ", ")), ExitCode::data);
  for (const auto& [rank, path] : chosen->second) {
    result.folder = path.parent_path().string();
    result.ranks.push_back(read_record(path, rank));
  }
  result.ranks = as_verdicts_saw(std::move(result.ranks));
  return result;
}

}  // namespace ergon
