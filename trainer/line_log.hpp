// SPDX-License-Identifier: Apache-2.0
// An append-only file of lines (events, ledger). A crash can tear only the last line: it is cut when the file is next opened, and counted.
// A line that fails half-way (a full disk) is taken back; where that fails too, nothing more is written behind it.
#pragma once

#include <string>
#include <string_view>

#include "trainer/storage.hpp"

namespace ergon {

class LineLog {
 public:
  // Opens for appending, made if absent. Throws Error as Storage does.
  LineLog(Storage& storage, const std::string& path);

  void append(std::string_view line);  // without newline; one write a line
  void sync();
  int torn_lines() const { return torn_lines_; }  // cut at opening: 0 or 1

 private:
  void take_back(std::int64_t end) noexcept;

  Storage& storage_;
  Storage::File file_;
  std::string line_;  // the newest: its memory is kept
  int torn_lines_ = 0;
  bool torn_ = false;  // the end of the file
};

}  // namespace ergon
