// SPDX-License-Identifier: Apache-2.0
// Counts of what came of faults, by kind, as a table: what tests/README.md shows.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace ergon::test {

class Outcomes {
 public:
  explicit Outcomes(std::vector<std::string> columns) : columns_(std::move(columns)) {}

  void add(const std::string& row, const std::string& column) {
    if (counts_.count(row) == 0) rows_.push_back(row);
    ++counts_[row][column];
  }
  int count(const std::string& column) const {
    int sum = 0;
    for (const auto& [row, counts] : counts_) sum += of(counts, column);
    return sum;
  }
  int count(const std::string& row, const std::string& column) const {
    const auto found = counts_.find(row);
    return found == counts_.end() ? 0 : of(found->second, column);
  }
  void print(const std::string& title) const {
    std::string text = fmt::format("{:<34}", title);
    for (const std::string& column : columns_) text += fmt::format("{:>16}", column);
    for (const std::string& row : rows_) {
      text += fmt::format("\n{:<34}", row);
      for (const std::string& column : columns_) text += fmt::format("{:>16}", count(row, column));
    }
    text += fmt::format("\n{:<34}", "all");
    for (const std::string& column : columns_) text += fmt::format("{:>16}", count(column));
    std::puts(text.c_str());
    std::fflush(stdout);
  }

 private:
  static int of(const std::map<std::string, int>& counts, const std::string& column) {
    const auto found = counts.find(column);
    return found == counts.end() ? 0 : found->second;
  }

  std::vector<std::string> columns_, rows_;
  std::map<std::string, std::map<std::string, int>> counts_;
};

// The larger number of the on-demand labels, from the environment.
inline int count_of(const char* variable, int usual) {
  const char* text = std::getenv(variable);
  return text == nullptr ? usual : std::atoi(text);
}

}  // namespace ergon::test
