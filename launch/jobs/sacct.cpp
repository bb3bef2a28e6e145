// SPDX-License-Identifier: Apache-2.0
#include "launch/jobs/sacct.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "launch/child_process.hpp"
#include "launch/jobs/slurm.hpp"

namespace ergon {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

Seconds moment(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return {whole ? static_cast<double>(seconds) : 0};
}

}  // namespace

std::vector<JobRecord> parse_sacct(const std::string& text) {
  std::vector<JobRecord> records;
  for (const std::string_view line : split(text, '\n')) {
    const auto fields = split(line, '|');
    if (fields.size() != 5 || !is_job_id(std::string(fields[0]))) continue;
    records.push_back({std::string(fields[0]), std::string(fields[1]), moment(fields[2]), moment(fields[3]), moment(fields[4])});
  }
  return records;
}

std::optional<std::vector<JobRecord>> sacct_records(const std::vector<std::string>& jobs) {
  std::string list;
  for (const std::string& job : jobs)
    if (is_job_id(job)) list += (list.empty() ? "" : ",") + job;
  if (list.empty()) return std::vector<JobRecord>();
  // Seconds since 1970 are the same in every time zone. What sacct says of accounts that it does not have is nobody's concern here.
  const auto answer =
      output_within({10}, {"sh", "-c",
                           "SLURM_TIME_FORMAT=%s exec sacct --jobs=\"$1\" --duplicates --allocations --parsable2 --noheader "
                           "--starttime=2000-01-01 --format=JobIDRaw,State,Submit,Start,End 2>/dev/null",
                           "sacct", list});
  if (!answer) return std::nullopt;
  return parse_sacct(*answer);
}

}  // namespace ergon
