// SPDX-License-Identifier: Apache-2.0
// A flight folder in memory, which several threads may share.
#pragma once

#include <map>
#include <mutex>

#include "configs/error.hpp"
#include "parallel/flight_folder.hpp"

namespace ergon::test {

class MemoryFolder final : public FlightFolder {
 public:
  std::string path() const override { return "memory"; }
  void write(const std::string& name, const std::string& text) override {
    const std::lock_guard lock(mutex_);
    if (full) throw Error("no space left on device", name, "make room", ExitCode::data);
    files_[name] = text;
  }
  std::vector<std::string> names() override {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, text] : files_) names.push_back(name);
    return names;
  }
  std::string read(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    return files_.at(name);
  }

  bool full = false;

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> files_;
};

}  // namespace ergon::test
