// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/rank_logs.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>

namespace ergon {
namespace {

namespace fs = std::filesystem;

std::optional<std::int64_t> number_after(const std::string& name, const std::string& prefix, const std::string& suffix) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix) || name.size() <= prefix.size() + suffix.size()) return std::nullopt;
  std::int64_t number = 0;
  const char *begin = name.data() + prefix.size(), *end = name.data() + name.size() - suffix.size();
  const auto [next, code] = std::from_chars(begin, end, number);
  if (code != std::errc() || next != end) return std::nullopt;
  return number;
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) entries.push_back(entry.path());
  std::ranges::sort(entries);
  return entries;
}

}  // namespace

std::string newest_start(const std::string& run_folder) {
  std::string newest;
  fs::file_time_type time = fs::file_time_type::min();
  std::error_code ignored;
  for (const fs::path& entry : sorted_entries(fs::path(run_folder) / "logs")) {
    if (!fs::is_directory(entry, ignored)) continue;
    if (const auto changed = fs::last_write_time(entry, ignored); !ignored && changed >= time) {
      time = changed;
      newest = entry.string();
    }
  }
  return newest;
}

std::map<std::int64_t, std::vector<std::string>> rank_files(const std::string& start_folder) {
  std::map<std::int64_t, std::vector<std::string>> files;
  std::error_code ignored;
  for (const fs::path& entry : sorted_entries(start_folder)) {
    if (const auto rank = number_after(entry.filename().string(), "rank_", ".log")) files[*rank].push_back(entry.string());
    if (!fs::is_directory(entry, ignored)) continue;
    for (const fs::path& inner : sorted_entries(entry))
      if (const auto rank = number_after(inner.filename().string(), "rank.", ""))
        for (const char* stream : {"stdout", "stderr"})
          if (fs::is_regular_file(inner / stream, ignored)) files[*rank].push_back((inner / stream).string());
  }
  return files;
}

std::vector<std::string> last_lines(const std::string& path, std::size_t count) {
  constexpr std::streamoff tail = 16 << 10;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : 0;
  std::string line;
  if (size > tail) {
    file.seekg(size - tail);
    std::getline(file, line);  // the rest of one
  } else {
    file.seekg(0);
  }
  std::vector<std::string> lines;
  while (std::getline(file, line)) lines.push_back(line);
  if (lines.size() > count) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(count));
  return lines;
}

}  // namespace ergon
