// SPDX-License-Identifier: Apache-2.0
#include "parallel/process_stat.hpp"

#include <fstream>
#include <sstream>

namespace ergon {

// The program's name in field 2 may hold blanks and brackets, so counting starts after the last bracket.
std::optional<ProcessStat> parse_process_stat(const std::string& text) {
  const std::size_t bracket = text.rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(bracket + 1));
  ProcessStat stat;
  fields >> stat.state;
  constexpr int state_field = 3, user_field = 14, system_field = 15, start_field = 22, resident_field = 24;
  for (int field = state_field + 1; field <= resident_field; ++field) {
    std::string word;
    if (!(fields >> word)) return std::nullopt;
    if (field != user_field && field != system_field && field != start_field && field != resident_field) continue;
    std::int64_t value = 0;
    if (!(std::istringstream(word) >> value)) return std::nullopt;
    if (field == start_field)
      stat.start = value;
    else if (field == resident_field)
      stat.resident_pages = value;
    else
      stat.ticks += value;
  }
  return stat;
}

std::optional<ProcessStat> read_process_stat(const std::string& folder) {
  std::ifstream file(folder + "/stat");
  std::string line;
  std::getline(file, line);
  return parse_process_stat(line);
}

}  // namespace ergon
