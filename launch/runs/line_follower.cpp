// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/line_follower.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "configs/error.hpp"
#include "configs/whole_lines.hpp"

namespace ergon {

std::string LineFollower::take(std::size_t limit) {
  struct stat now = {};
  const bool there = ::stat(path_.c_str(), &now) == 0;
  if (!there && taken_ == 0) return "";
  if (!there || (taken_ > 0 && now.st_ino != file_) || static_cast<std::size_t>(now.st_size) < taken_)
    throw Error("this file was taken away or replaced while it was read", path_, "begin again: it is that of another run now",
                ExitCode::data);
  file_ = now.st_ino;
  size_ = static_cast<std::size_t>(now.st_size);
  looked_ = taken_;
  if (size_ == taken_) return "";

  std::ifstream file(path_, std::ios::binary);
  const bool opened = static_cast<bool>(file.seekg(static_cast<std::streamoff>(taken_)));
  std::string text;
  std::size_t whole = 0;
  for (std::size_t part = limit; whole == 0 && file && text.size() < size_ - taken_; part *= 2) {  // a line may be longer than the limit
    const std::size_t have = text.size(), more = std::min(part, size_ - taken_ - have);
    text.resize(have + more);
    file.read(text.data() + have, static_cast<std::streamsize>(more));
    text.resize(have + static_cast<std::size_t>(file.gcount()));
    whole = whole_lines(text);
  }
  if (!opened || file.bad()) throw Error("this file cannot be read", path_, "see whose it is, and who may read it", ExitCode::data);
  looked_ += text.size();
  text.resize(whole);
  taken_ += whole;
  lines_ += std::count(text.begin(), text.end(), '\n');
  return text;
}

double LineFollower::share() const { return size_ == 0 ? 1 : static_cast<double>(looked_) / static_cast<double>(size_); }

}  // namespace ergon
