// SPDX-License-Identifier: Apache-2.0
// The lines that a file gains. For files that only grow (events, ledger) and may be long: what was taken once is not read again.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace ergon {

class LineFollower {
 public:
  static constexpr std::size_t everything = std::numeric_limits<std::size_t>::max();

  explicit LineFollower(std::string path) : path_(std::move(path)) {}

  // Whole lines (configs/whole_lines) behind those that were taken: about `limit` bytes of them at most, and at least one where there is
  // one. Empty: nothing new, or no file yet. Throws Error (ExitCode::data) for a file that cannot be read, and for one that another has
  // taken the place of.
  std::string take(std::size_t limit = everything);

  std::int64_t lines() const { return lines_; }  // taken so far
  // Of the bytes that were there at the last take, those that were looked at: 1 of none, and 1 behind the last whole line.
  double share() const;

 private:
  std::string path_;
  std::uint64_t file_ = 0;  // inode
  std::size_t taken_ = 0, looked_ = 0, size_ = 0;
  std::int64_t lines_ = 0;
};

}  // namespace ergon
